package s3

// configOperations are the operations on the settings of buckets and objects.
var configOperations = []operation{}

// corsHeaders adds the headers that the bucket's CORS rules give to the
// request's Origin.
func (c *call) corsHeaders() error { return nil }
