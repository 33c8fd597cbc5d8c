"""An emitted program: executed, audited, and what is known of its failures."""
