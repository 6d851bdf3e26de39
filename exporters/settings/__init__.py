"""Every setting is written here once, and the frozen `Config` is made of them."""
