package gridproxy

import "fmt"

// Code is why a chain is refused, short enough for a client to see.
type Code string

// The closed list of codes; docs/grid-trust.md says what to do about each.
const (
	CodeLimits               Code = "limits"
	CodeMalformed            Code = "malformed"
	CodeNoTrust              Code = "no-trust"
	CodeDraftProxy           Code = "draft-proxy"
	CodeLegacyProxy          Code = "legacy-proxy"
	CodeMixedTypes           Code = "mixed-types"
	CodeNoEEC                Code = "no-eec"
	CodeProxyAboveEEC        Code = "proxy-above-eec"
	CodeEECIsCA              Code = "eec-is-ca"
	CodeEECName              Code = "eec-name"
	CodeHostCertificate      Code = "host-certificate"
	CodeWeakKey              Code = "weak-key"
	CodeWeakSignature        Code = "weak-signature"
	CodeSignature            Code = "signature"
	CodeExpired              Code = "expired"
	CodeNotYetValid          Code = "not-yet-valid"
	CodeUntrusted            Code = "untrusted"
	CodeSigningPolicy        Code = "signing-policy"
	CodeSigningPolicyMissing Code = "signing-policy-missing"
	CodeNamespaces           Code = "namespaces"
	CodeRevoked              Code = "revoked"
	CodeCRLMissing           Code = "crl-missing"
	CodeCRLExpired           Code = "crl-expired"
	CodeCRLSignature         Code = "crl-signature"
	CodeKeyUsage             Code = "key-usage"
	CodeIssuerName           Code = "issuer-name"
	CodeSubjectName          Code = "subject-not-issuer-plus-cn"
	CodeProxyIsCA            Code = "proxy-is-ca"
	CodeProxyAltName         Code = "proxy-altname"
	CodeCriticalExtension    Code = "critical-extension"
	CodePCINotCritical       Code = "pci-not-critical"
	CodePCIMalformed         Code = "pci-malformed"
	CodeIndependent          Code = "independent"
	CodePolicyLanguage       Code = "policy-language"
	CodePolicyPresent        Code = "policy-present"
	CodePathLen              Code = "pathlen"
	CodeLimitedThenFull      Code = "limited-then-full"
)

// Codes maps every code to what it means.
func Codes() map[Code]string {
	return map[Code]string{
		CodeLimits:               "no certificate, more than 16, or more than 64 KiB of them",
		CodeMalformed:            "a certificate, or the PEM text around it, does not parse",
		CodeNoTrust:              "the server has no trust anchors loaded",
		CodeDraftProxy:           "a proxy of the draft (GSI-3) form, which nobody should make any more",
		CodeLegacyProxy:          "a legacy (GT2) proxy, which this server does not accept; make an RFC 3820 one",
		CodeMixedTypes:           "RFC 3820 and legacy proxies in one chain",
		CodeNoEEC:                "only proxies: the owner's own certificate is not in the chain",
		CodeProxyAboveEEC:        "a proxy certificate after the owner's own certificate",
		CodeEECIsCA:              "the owner's certificate is a CA certificate",
		CodeEECName:              "the owner's subject is empty, or its last CN is \"proxy\" or \"limited proxy\"",
		CodeHostCertificate:      "the certificate is for servers only (serverAuth)",
		CodeWeakKey:              "a key other than RSA of 2048 to 8192 bits or ECDSA on P-256, P-384 or P-521",
		CodeWeakSignature:        "a signature other than RSA or ECDSA with SHA-256, SHA-384 or SHA-512",
		CodeSignature:            "a signature does not verify",
		CodeExpired:              "a certificate or proxy has expired",
		CodeNotYetValid:          "a certificate or proxy is not valid yet",
		CodeUntrusted:            "no path from the owner's certificate to a trust anchor",
		CodeSigningPolicy:        "the CA's signing policy does not permit the subject, or does not parse",
		CodeSigningPolicyMissing: "the CA has no signing policy in the trust directory",
		CodeNamespaces:           "the CA's namespaces file does not permit the subject, or does not parse",
		CodeRevoked:              "a certificate is listed in its CA's revocation list",
		CodeCRLMissing:           "the CA has no revocation list in the trust directory",
		CodeCRLExpired:           "the CA's revocation list is not current",
		CodeCRLSignature:         "no revocation list of that name is readable, complete and signed by the CA's key",
		CodeKeyUsage:             "a certificate that signed a proxy may not make digital signatures",
		CodeIssuerName:           "a proxy's issuer is not the subject of the certificate above it",
		CodeSubjectName:          "a proxy's subject is not its issuer's plus one CN",
		CodeProxyIsCA:            "a proxy says that it is a CA",
		CodeProxyAltName:         "a proxy has alternative names",
		CodeCriticalExtension:    "a critical extension that is not understood",
		CodePCINotCritical:       "the proxyCertInfo extension is not critical",
		CodePCIMalformed:         "the proxyCertInfo extension does not parse",
		CodeIndependent:          "an independent proxy, which inherits nothing from its owner",
		CodePolicyLanguage:       "a proxy policy language other than inheritAll or limited",
		CodePolicyPresent:        "a proxy of the inheritAll or limited kind has a policy",
		CodePathLen:              "more proxies than a proxy's path length allows",
		CodeLimitedThenFull:      "a full proxy below a limited one",
	}
}

// Refusal is the error of [Verify] and [ParsePEM]. Client messages may show the
// code; subject and detail are for logs.
type Refusal struct {
	Code    Code
	Subject string // RFC 2253 subject of the certificate at fault, may be empty
	Detail  string
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Subject == "" {
		return fmt.Sprintf("%s: %s", r.Code, r.Detail)
	}
	return fmt.Sprintf("%s: %s: %s", r.Code, r.Subject, r.Detail)
}
