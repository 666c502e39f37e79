"""The robots of Tabletop, each a `robot.RobotModel`."""
