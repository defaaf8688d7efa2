"""From the links to the callbacks: what brings the events of one client to who wants them.

A link reads in a thread of its own and hands each read to the client's `switchboard`. That puts every event into the
`mailbox` of its `lane`, one for each subscription, by its topic, and posts one turn to the user's loop. There each lane
takes what waits for it and calls its callback (`callbacks`: in whatever shape it was given), in order and one at a
time. What is told besides events goes the same way: `connection_states` makes reports out of the markers of a link, and
`announcing` calls the listeners for them in the same turn.

The other way flow only the wants: what the lanes of a client want together, for a link to declare.
"""
