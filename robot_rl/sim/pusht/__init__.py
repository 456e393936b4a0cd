"""PushT: a round finger pushes a T over a table to where its outline is drawn."""
