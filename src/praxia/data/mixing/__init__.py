"""What a mixture is made of: how each data set is read, at which rate, how often, and the file that says so."""
