"""Syntax tree to IR: names, types, domains and data are checked here, and every mistake is reported."""
