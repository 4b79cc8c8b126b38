package access

import "strings"

// knownKey tells whether S3 knows a condition key (as conditionKey gives it) in
// bucket policies:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
// and https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html.
// A key that no request here ever has is accepted all the same; it is absent.
func knownKey(key string) bool {
	if name, tag, slash := strings.Cut(key, "/"); slash {
		return tag != "" && tagKey(name)
	}
	if name, ok := strings.CutPrefix(key, "aws:"); ok {
		return globalKey(name)
	}
	if name, ok := strings.CutPrefix(key, "s3:"); ok {
		return s3Key(name)
	}
	return false
}

func tagKey(name string) bool {
	switch name {
	case "aws:principaltag", "aws:requesttag", "aws:resourcetag",
		"s3:buckettag", "s3:existingobjecttag", "s3:requestobjecttag":
		return true
	}
	return false
}

func globalKey(name string) bool {
	switch name {
	case "assumedroot", "calledvia", "calledviafirst", "calledvialast", "chatbotsourcearn",
		"currenttime", "ec2instancesourceprivateipv4", "ec2instancesourcevpc", "epochtime",
		"federatedprovider", "multifactorauthage", "multifactorauthpresent",
		"principalaccount", "principalarn", "principalisawsservice", "principalorgid",
		"principalorgpaths", "principalservicename", "principalservicenameslist", "principaltype",
		"referer", "requestedregion", "resourceaccount", "resourceorgid", "resourceorgpaths",
		"securetransport", "sourceaccount", "sourcearn", "sourceidentity", "sourceip",
		"sourceorgid", "sourceorgpaths", "sourceowner", "sourcevpc", "sourcevpcarn", "sourcevpce",
		"tagkeys", "tokenissuetime", "useragent", "userid", "username", "viaawsservice",
		"vpceaccount", "vpceorgid", "vpceorgpaths", "vpcsourceip":
		return true
	}
	return false
}

func s3Key(name string) bool {
	switch name {
	case "accessgrantsinstancearn", "accesspointnetworkorigin", "accesspointtag", "authtype",
		"dataaccesspointaccount", "dataaccesspointarn", "delimiter", "if-match", "if-none-match",
		"inventoryaccessibleoptionalfields", "locationconstraint", "max-keys",
		"object-lock-legal-hold", "object-lock-mode", "object-lock-remaining-retention-days",
		"object-lock-retain-until-date", "objectcreationoperation", "prefix",
		"requestobjecttagkeys", "resourceaccount", "signatureage", "signatureversion",
		"tlsversion", "versionid", "x-amz-acl", "x-amz-content-sha256", "x-amz-copy-source",
		"x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp",
		"x-amz-grant-write", "x-amz-grant-write-acp", "x-amz-metadata-directive",
		"x-amz-object-ownership", "x-amz-server-side-encryption",
		"x-amz-server-side-encryption-aws-kms-key-id",
		"x-amz-server-side-encryption-customer-algorithm", "x-amz-storage-class",
		"x-amz-website-redirect-location":
		return true
	}
	return false
}

// listingKey tells whether a key exists in requests to list a bucket only.
func listingKey(key string) bool {
	switch key {
	case "s3:prefix", "s3:delimiter", "s3:max-keys":
		return true
	}
	return false
}

// addressKey tells whether a key's values are IP addresses, which S3 checks
// whatever the operator.
func addressKey(key string) bool { return key == "aws:sourceip" || key == "aws:vpcsourceip" }
