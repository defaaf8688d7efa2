"""Where frames come from: subscriptions of connections come in, encoded frames go out to each that wants them.

source       what a connection and a source know of each other
publishing   the order in which trades are told
hub          a simulation as the source: snapshots, conflation, fan-out
replay       a recording as the source
"""
