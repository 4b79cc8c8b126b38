package cli

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Private keys that openssl and grid tools write, in all the forms they have.
func TestDecryptKey(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("MUCURA_TEST_INSTALL") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const passphrase = "two words, Ümlaut"
	for _, c := range []struct {
		name string
		key  crypto.Signer
		args []string
	}{
		{"PKCS #8 as openssl likes it", rsaKey, []string{"pkcs8", "-topk8"}},
		{"PKCS #8, 3DES", rsaKey, []string{"pkcs8", "-topk8", "-v2", "des3"}},
		{"PKCS #8, AES-128", rsaKey, []string{"pkcs8", "-topk8", "-v2", "aes-128-cbc"}},
		{"PKCS #8, AES-192", rsaKey, []string{"pkcs8", "-topk8", "-v2", "aes-192-cbc"}},
		{"PKCS #8, AES-256 and SHA-1, as openssl 1.0 likes it", rsaKey, []string{"pkcs8", "-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1"}},
		{"PKCS #8, scrypt", rsaKey, []string{"pkcs8", "-topk8", "-scrypt", "-scrypt_N", "1024"}},
		{"PKCS #8, EC", ecKey, []string{"pkcs8", "-topk8"}},
		{"old, 3DES, as Globus likes it", rsaKey, []string{"rsa", "-des3", "-traditional"}},
		{"old, DES", rsaKey, []string{"rsa", "-des", "-traditional"}},
		{"old, AES-128", rsaKey, []string{"rsa", "-aes128", "-traditional"}},
		{"old, AES-256", rsaKey, []string{"rsa", "-aes256", "-traditional"}},
		{"old, EC", ecKey, []string{"ec", "-aes256"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			der, err := x509.MarshalPKCS8PrivateKey(c.key)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "openssl", append(c.args, "-passout", "env:PASSPHRASE", "-provider", "legacy", "-provider", "default")...)
			cmd.Env = append(os.Environ(), "PASSPHRASE="+passphrase)
			cmd.Stdin = bytes.NewReader(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
			var complaint bytes.Buffer
			cmd.Stderr = &complaint
			text, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v\n%s", cmd, err, &complaint)
			}
			block, _ := pem.Decode(text)
			if block == nil || bytes.Contains(text, []byte("BEGIN PRIVATE KEY")) {
				t.Fatalf("openssl wrote %s", text)
			}
			got, err := decryptKey(block, []byte(passphrase))
			if err != nil {
				t.Fatal(err)
			}
			if !got.(interface{ Equal(crypto.PrivateKey) bool }).Equal(c.key) {
				t.Error("another key came out")
			}
			for _, wrong := range []string{"", "x", passphrase + " ", "wrong"} {
				if key, err := decryptKey(block, []byte(wrong)); !errors.Is(err, errPassphrase) {
					t.Errorf("%q: %v, %v", wrong, key != nil, err)
				}
			}
			if _, err := decryptKey(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}, []byte(passphrase)); err == nil || !strings.Contains(err.Error(), "-topk8") {
				t.Errorf("a key that is not locked: %v", err)
			}
			// What is not whole blocks is an error, and no panic.
			cut := *block
			cut.Bytes = shorter(block)
			if _, err := decryptKey(&cut, []byte(passphrase)); err == nil {
				t.Error("one that is cut off was opened")
			}
		})
	}
}

// shorter is a locked key whose encrypted content lacks three bytes.
func shorter(block *pem.Block) []byte {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	if _, err := asn1.Unmarshal(block.Bytes, &info); err != nil {
		return block.Bytes[:len(block.Bytes)-3]
	}
	info.Data = info.Data[:len(info.Data)-3]
	der, err := asn1.Marshal(info)
	if err != nil {
		panic(err)
	}
	return der
}
