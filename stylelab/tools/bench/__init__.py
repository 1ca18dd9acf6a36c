"""`stylelab bench`: what a step costs on this machine, how far that is from the machine's own limit, and what others need.

plan        the options, checked before anything slow is imported; who is compared with whom
command     the command: measures everything, prints it, writes the files
picture     seconds to a good picture
measure     milliseconds per step, seconds to a given loss, what a run costs outside its steps
report      the figures as Markdown and as a plot; docs/speed.md
busy        whether the machine was quiet meanwhile
compare     whether two runs agree
conductor   runs each contender as a process of its own; they take turns
contender   the other end: such a process; ours, the judge of images, this machine's limit
turns       what a contender works with: its turns, its memory, the shared job
painter     the process of a contender that paints in one pass, ours or another program's
pytorch_tutorial, tensorflow_tutorial, peers    the other contenders
grading     what grading costs, here and with nbgrader
gallery     what a gallery of a thousand pairs costs: cores, memory, and Dask
"""
