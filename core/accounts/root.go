package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// RootName is the name of the administrator's account.
const RootName = "root"

// rootIndex is the entry of catalog.AccountNames that holds root's own access
// key, sealed: the one the settings gave, or the one that was generated. It
// decides, so processes that start at once end with one key, and a start that
// was cut short is finished by the next.
const rootIndex = "k:" + RootName

// rootLabel marks the keys EnsureRoot makes; AddKey refuses it.
const rootLabel = "root's own"

// EnsureRoot makes the administrator's account (an operator without quota) and
// its key pair. With accessKeyID and secret given, that pair is root's, and the
// pair an earlier start had made or been given is removed. With neither, an
// existing pair stays and otherwise one is generated; when root has other keys
// (its own one was removed) none is made, and the ID returned is "". created
// tells that the pair was made by this call.
func (s *Service) EnsureRoot(ctx context.Context, accessKeyID, secret string) (created bool, key, secretKey string, err error) {
	if (accessKeyID == "") != (secret == "") {
		return false, "", "", errors.New("root's access key ID and secret access key must be given together")
	}
	root, err := s.ensureRootAccount(ctx)
	if err != nil {
		return false, "", "", err
	}
	for range maxTries {
		created, key, secretKey, err = s.ensureRootKey(ctx, root.ID, accessKeyID, secret)
		if !errors.Is(err, meta.ErrConflict) {
			return created, key, secretKey, err
		}
	}
	return false, "", "", err
}

// RootKey gives root's own pair again, for an operator at the machine. The
// error wraps ErrNotFound when there is none.
func (s *Service) RootKey(ctx context.Context) (accessKeyID, secret string, err error) {
	k, _, err := s.readRoot(ctx)
	if err != nil {
		return "", "", err
	}
	secret, err = s.secret(k)
	return k.ID, secret, err
}

func (s *Service) ensureRootAccount(ctx context.Context) (*catalog.Account, error) {
	for range maxTries {
		root, err := s.ByName(ctx, RootName)
		if !errors.Is(err, ErrNotFound) {
			return root, err
		}
		// Another process may have written the entry of the name and not yet the
		// account; then Add finds the name taken, and next time takes over the rest.
		_, err = s.Add(ctx, NewAccount{Name: RootName, Role: catalog.Operator, Quota: -1})
		if err != nil && !errors.Is(err, ErrExists) {
			return nil, err
		}
	}
	return s.ByName(ctx, RootName)
}

// ensureRootKey settles root's entry, then the access key it names.
// meta.ErrConflict means that another process did something meanwhile.
func (s *Service) ensureRootKey(ctx context.Context, rootID, accessKeyID, secret string) (created bool, key, secretKey string, err error) {
	old, version, err := s.readRoot(ctx)
	switch {
	case errors.Is(err, ErrNotFound):
		old = nil
	case err != nil:
		return false, "", "", err
	}
	if old != nil && old.Account != rootID { // of a root that was removed
		old = nil
	}
	if old != nil {
		secretKey, err = s.secret(old)
		if err != nil && accessKeyID == "" {
			return false, "", "", err
		}
		if accessKeyID == "" || (old.ID == accessKeyID && secretKey == secret) {
			return false, old.ID, secretKey, s.placeRoot(ctx, old)
		}
	}
	if accessKeyID == "" {
		if others, err := s.Keys(ctx, rootID); err != nil || len(others) > 0 {
			return false, "", "", errors.Join(err, s.stillNoRoot(ctx, version))
		}
	}
	k, err := s.replaceRoot(ctx, rootID, version, KeySpec{AccessKeyID: accessKeyID, SecretAccessKey: secret, Label: rootLabel})
	if err != nil {
		return false, "", "", err
	}
	return true, k.ID, k.Secret, nil
}

// stillNoRoot is meta.ErrConflict when root's entry has changed since it was
// read: the keys root has may be what another process has just made.
func (s *Service) stillNoRoot(ctx context.Context, version meta.Version) error {
	_, now, err := s.readRoot(ctx)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if now != version {
		return fmt.Errorf("root's access key: %w", meta.ErrConflict)
	}
	return nil
}

// replaceRoot makes a new pair root's own, in place of the one at version.
func (s *Service) replaceRoot(ctx context.Context, rootID string, version meta.Version, spec KeySpec) (*NewKey, error) {
	k, err := s.sealKey(rootID, spec)
	if err != nil {
		return nil, err
	}
	if err := s.freeForRoot(ctx, rootID, k.ID); err != nil {
		return nil, err
	}
	value, err := json.Marshal(&k.AccessKey)
	if err != nil {
		return nil, err
	}
	if _, err := s.put(ctx, catalog.AccountNames, rootIndex, value, meta.IfMatch(version)); err != nil {
		return nil, err
	}
	return k, s.placeRoot(ctx, &k.AccessKey)
}

// freeForRoot refuses an access key ID that another account has.
func (s *Service) freeForRoot(ctx context.Context, rootID, accessKeyID string) error {
	_, err := s.Registry.Get(ctx, catalog.AccessKeys, accessKeyID, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, _, err = s.readKey(ctx, rootID, accessKeyID); errors.Is(err, ErrNotFound) {
		return fmt.Errorf("access key %s: %w", accessKeyID, ErrExists)
	}
	return err
}

// placeRoot makes sure that the access key root's entry names exists, with its
// secret, and no other that EnsureRoot made before.
func (s *Service) placeRoot(ctx context.Context, k *catalog.AccessKey) error {
	want, err := s.secret(k)
	if err != nil {
		return err
	}
	err = s.writeKey(ctx, k)
	if errors.Is(err, ErrExists) {
		err = s.overwriteKey(ctx, k, want)
	}
	if err != nil {
		return err
	}
	// RemoveKey may have come between reading the entry and writing the key.
	now, _, err := s.readRoot(ctx)
	if err == nil && now.ID == k.ID {
		return s.dropFormerRoots(ctx, k)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := s.RemoveKey(ctx, k.Account, k.ID); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return fmt.Errorf("root's access key: %w", meta.ErrConflict)
}

func (s *Service) dropFormerRoots(ctx context.Context, k *catalog.AccessKey) error {
	keys, err := s.Keys(ctx, k.Account)
	if err != nil {
		return err
	}
	for _, old := range keys {
		if old.Label != rootLabel || old.ID == k.ID {
			continue
		}
		if err := s.RemoveKey(ctx, k.Account, old.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// overwriteKey gives an access key of root the secret it should have.
func (s *Service) overwriteKey(ctx context.Context, k *catalog.AccessKey, want string) error {
	there, version, err := s.readKey(ctx, k.Account, k.ID)
	if err != nil {
		return err
	}
	if has, err := s.secret(there); err == nil && has == want {
		return nil
	}
	value, err := json.Marshal(k)
	if err != nil {
		return err
	}
	_, err = s.put(ctx, catalog.AccessKeys, k.ID, value, meta.IfMatch(version))
	return err
}

// readRoot reads root's entry; the error wraps ErrNotFound when there is none.
func (s *Service) readRoot(ctx context.Context) (*catalog.AccessKey, meta.Version, error) {
	rec, err := s.Registry.Get(ctx, catalog.AccountNames, rootIndex, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, "", fmt.Errorf("root's own access key: %w", ErrNotFound)
	}
	if err != nil {
		return nil, "", fmt.Errorf("read root's access key: %w", err)
	}
	k := &catalog.AccessKey{}
	if err := json.Unmarshal(rec.Value, k); err != nil {
		return nil, "", fmt.Errorf("root's access key: %w", err)
	}
	return k, rec.Version, nil
}

// forgetRoot drops root's entry when it names an access key that is to be removed.
func (s *Service) forgetRoot(ctx context.Context, accessKeyID string) error {
	k, version, err := s.readRoot(ctx)
	if errors.Is(err, ErrNotFound) || (err == nil && k.ID != accessKeyID) {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.Registry.Delete(ctx, catalog.AccountNames, rootIndex, meta.IfMatch(version))
	if errors.Is(err, meta.ErrConflict) {
		return s.forgetRoot(ctx, accessKeyID)
	}
	return err
}
