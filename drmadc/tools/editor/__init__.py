"""What an editor asks of a spec: meaning of a word, where it is declared, what may stand here."""
