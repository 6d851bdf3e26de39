"""This room lets several processes share the tap's ports, while one of them sends."""
