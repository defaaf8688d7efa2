"""The sockets: bytes of a client come in and become requests; frames of the source, errors and answers go out.

server                 one port: each byte stream becomes HTTP answers or a WebSocket
http, keys             requests with their limits per address; who may use the private path
connection, outgoing   one WebSocket: what the client says; what waits to be sent to it
history                what it said, and what is kept of connections that have ended
faults                 what goes wrong on demand
"""
