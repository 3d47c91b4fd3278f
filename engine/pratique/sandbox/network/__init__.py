"""The observed network: a name space whose one way out is a process of ours that decides, carries and writes down."""
