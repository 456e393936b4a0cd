"""Policies on another computer: a server and a client that speak openpi's WebSocket protocol."""
