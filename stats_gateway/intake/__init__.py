"""The one way of a message: payload, decoded, checked, applied to the store, counted; pure."""
