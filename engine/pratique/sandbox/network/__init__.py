"""The observed network: a name space whose one way out is a process of ours, which decides, carries, and writes down."""
