package s3

import "strings"

// logNames are the names of operations in S3's access logs that do not follow
// from method and sub-resource
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html).
var logNames = map[string]string{
	"CopyObject":              "REST.COPY.OBJECT",
	"UploadPartCopy":          "REST.COPY.PART",
	"UploadPart":              "REST.PUT.PART",
	"CompleteMultipartUpload": "REST.POST.UPLOAD",
	"AbortMultipartUpload":    "REST.DELETE.UPLOAD",
	"ListParts":               "REST.GET.UPLOAD",
	"DeleteObjects":           "REST.POST.MULTI_OBJECT_DELETE",
	"ListObjectVersions":      "REST.GET.BUCKETVERSIONS",
}

// makeLogName names an operation as S3's access logs do: REST.GET.OBJECT.
func makeLogName(op *operation) string {
	if name, ok := logNames[op.name]; ok {
		return name
	}
	resource := [...]string{"SERVICE", "BUCKET", "OBJECT"}[op.level]
	if op.query != "" {
		resource = strings.ToUpper(strings.ReplaceAll(op.query, "-", "_"))
	}
	return "REST." + op.method + "." + resource
}
