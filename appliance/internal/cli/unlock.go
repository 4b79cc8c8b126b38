package cli

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/youmark/pkcs8"

	"github.com/mucura/mucura/core/client"
)

// Where the passphrase of a private key may come from, besides the terminal.
const (
	keyPassword     = "MUCURA_KEY_PASSWORD"
	keyPasswordFile = "MUCURA_KEY_PASSWORD_FILE"
)

// unlockTries is how often the terminal is asked.
const unlockTries = 3

var errPassphrase = errors.New("the passphrase is wrong")

// unlock opens a private key that has a passphrase: the one of the environment,
// of a file, or one that is typed. Standard input is not read for it unless it
// is a terminal: it may be what is to be stored.
func (a *app) unlock(path string, block *pem.Block) (any, error) {
	given, err := a.givenPassphrase()
	if err != nil {
		return nil, err
	}
	if given != "" {
		key, err := decryptKey(block, []byte(given))
		if errors.Is(err, errPassphrase) {
			return nil, &client.AuthError{Message: fmt.Sprintf("%s: the passphrase of %s or %s is wrong", path, keyPassword, keyPasswordFile)}
		}
		return key, err
	}
	tty, w, done := a.terminal()
	if tty == nil {
		return nil, &client.AuthError{Message: fmt.Sprintf("%s: the private key has a passphrase, and there is no terminal to ask for it: "+
			"name a file with it (%s), or make a proxy first (voms-proxy-init, grid-proxy-init)", path, keyPasswordFile)}
	}
	defer done()
	for range unlockTries {
		typed, err := askHidden(tty, w, fmt.Sprintf("Passphrase of %s: ", path))
		if err != nil {
			return nil, err
		}
		key, err := decryptKey(block, []byte(typed))
		if !errors.Is(err, errPassphrase) {
			return key, err
		}
		fmt.Fprintln(w, "That is not the passphrase.")
	}
	return nil, &client.AuthError{Message: path + ": the passphrase is wrong"}
}

// givenPassphrase is that of the environment, or "".
func (a *app) givenPassphrase() (string, error) {
	if given := a.env.Get(keyPassword); given != "" {
		return given, nil
	}
	path := a.env.Get(keyPasswordFile)
	if path == "" {
		return "", nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", keyPasswordFile, err)
	case info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0:
		return "", &client.AuthError{Message: fmt.Sprintf("%s has a passphrase that others may read; run: chmod 600 %s", path, path)}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", keyPasswordFile, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", fmt.Errorf("%s: %w", keyPasswordFile, err)
	}
	given, _, _ := strings.Cut(string(text), "\n")
	if given = strings.TrimSuffix(given, "\r"); given == "" {
		return "", &client.AuthError{Message: path + ": there is no passphrase in it"}
	}
	return given, nil
}

// terminal is where a person can be asked: standard input, else the one that
// the process belongs to, as when standard input is a pipe. It is nil if there
// is none.
func (a *app) terminal() (f *os.File, w io.Writer, done func()) {
	if a.asksTerminal() {
		return a.stdin.(*os.File), a.stderr, func() {}
	}
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, nil
	}
	return f, f, func() { f.Close() }
}

// decryptKey opens a private key: PKCS #8 with PBES2, as openssl and today's
// grid tools write it, or the old form with DEK-Info in front.
func decryptKey(block *pem.Block, passphrase []byte) (key any, err error) {
	if len(passphrase) == 0 {
		return nil, errPassphrase // as which an empty one counts nowhere
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" {
		return decryptPKCS8(block.Bytes, passphrase)
	}
	//lint:ignore SA1019 weak by design, and what ~/.globus/userkey.pem has been for decades
	plain, err := x509.DecryptPEMBlock(block, passphrase)
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, errPassphrase
	}
	if err != nil {
		return nil, err
	}
	// The padding alone fits one wrong passphrase in 256.
	if block.Type == "RSA PRIVATE KEY" {
		key, err = x509.ParsePKCS1PrivateKey(plain)
	} else {
		key, err = x509.ParseECPrivateKey(plain)
	}
	if err != nil {
		return nil, errPassphrase
	}
	return key, nil
}

// decryptPKCS8 is pkcs8.ParsePKCS8PrivateKey, which panics at a vector or a
// content of the wrong length.
func decryptPKCS8(der, passphrase []byte) (key any, err error) {
	defer func() {
		if recover() != nil {
			key, err = nil, errors.New("it is damaged")
		}
	}()
	key, err = pkcs8.ParsePKCS8PrivateKey(der, passphrase)
	if err != nil && strings.Contains(err.Error(), "incorrect password") {
		return nil, errPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("%w; write it anew: openssl pkcs8 -topk8 -in OLD -out NEW", err)
	}
	return key, nil
}
