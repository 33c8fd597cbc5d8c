"""Passes over the data: what is set aside, and how minibatches reach the device."""
