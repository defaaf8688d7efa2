"""The sockets: bytes of a client come in and become requests; frames of the source, errors and answers go out.

server                  one port: each byte stream becomes HTTP answers or a WebSocket
http, rest_calls        requests and answers as bytes; one REST request from its arrival to its answer
handshakes, deflate     who is let in; compression that was agreed on
connection, subscribing one WebSocket: what the client says, and what it is subscribed to then
outlet, outgoing        the way of a data frame through faults and journal; what waits to be sent
pacing                  a byte stream that can trickle, break within a write, and end with a reset
history                 what clients said, and what is kept of connections that have ended
control, injector       `/_simulator`; faults that happen at once, and those that go on
fault_answers           HTTP answers that faults give
"""
