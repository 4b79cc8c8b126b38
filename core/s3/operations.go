package s3

// objectOperations are the operations on service, buckets and objects
// themselves; configOperations (cfg_ops.go) those on their settings.
func objectOperations() []operation {
	return []operation{}
}
