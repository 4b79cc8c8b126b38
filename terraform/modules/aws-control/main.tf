# The control plane: everything but the bodies of objects, as functions behind one
# load balancer. functions.tf has the functions and what they may do, balancer.tf
# which requests they get, jobs.tf the scheduled jobs, secrets.tf what they may read.
