"""The robots of Tabletop. Each is a `body.Robot`."""
