"""Frida, as an observer: what a program means by what it does, seen from inside the program."""
