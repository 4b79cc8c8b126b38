package keep

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/spec"
)

// caFile is where the certificates for the bucket's endpoint lie for the client.
const caFile = host.Runtime + "/backup-ca.pem"

func prefix(s *spec.S3) string {
	if s.Prefix == "" {
		return "mucura"
	}
	return s.Prefix
}

// mucura runs the client on the bucket. The keys go by the environment.
func (k *Keeper) mucura(ctx context.Context, s *spec.S3, args ...string) error {
	h := k.Site.Host
	env := []string{"AWS_ACCESS_KEY_ID=" + s.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + s.SecretAccessKey, "MUCURA_SERVER=" + s.Endpoint}
	if s.Region != "" {
		env = append(env, "MUCURA_REGION="+s.Region)
	}
	if s.CA != "" {
		if err := h.WriteFile(caFile, []byte(s.CA), 0o644); err != nil {
			return err
		}
		env = append(env, "MUCURA_CA_FILE="+h.Path(caFile))
	}
	_, err := h.Run.Run(ctx, host.Command{Args: append([]string{host.Mucura, "--quiet"}, args...), Env: env})
	return err
}

// toS3 brings the bucket's copy to the state of a generation. At every moment the
// note in the bucket names only what is there.
func (k *Keeper) toS3(ctx context.Context, s *spec.S3, dir string) error {
	from, to := k.Site.Host.Path(dir), "s3://"+s.Bucket+"/"+prefix(s)
	if _, err := os.Stat(filepath.Join(from, "content")); err == nil {
		if err := k.mucura(ctx, s, "sync", from+"/content", to+"/content"); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(from + "/*.db")
	if err != nil {
		return err
	}
	for _, f := range append(files, from+"/site.key", from+"/"+configName, from+"/backup.json") {
		if err := k.mucura(ctx, s, "cp", f, to+"/"+filepath.Base(f)); err != nil {
			return err
		}
	}
	return k.mucura(ctx, s, "sync", "--delete", from, to)
}

func (k *Keeper) fromS3(ctx context.Context, s *spec.S3, to string) error {
	return k.mucura(ctx, s, "sync", "s3://"+s.Bucket+"/"+prefix(s), to)
}

// restic runs restic; its password goes by the environment.
func (k *Keeper) restic(ctx context.Context, r *spec.Restic, args ...string) error {
	env := []string{"RESTIC_REPOSITORY=" + r.Repository, "RESTIC_PASSWORD=" + r.Password, "RESTIC_CACHE_DIR=" + k.Site.Host.Path(host.Runtime, "restic-cache")}
	for _, name := range slices.Sorted(maps.Keys(r.Env)) {
		env = append(env, name+"="+r.Env[name])
	}
	_, err := k.Site.Host.Run.Run(ctx, host.Command{Args: append([]string{"restic", "--quiet", "--no-cache"}, args...), Env: env})
	return err
}

func (k *Keeper) toRestic(ctx context.Context, r *spec.Restic, dir string) error {
	if err := k.restic(ctx, r, "cat", "config"); err != nil {
		k.Log("the restic repository does not open (%v); making it", err)
		// init refuses where a repository is, so nothing can be lost.
		if err := k.restic(ctx, r, "init"); err != nil {
			return err
		}
	}
	return k.restic(ctx, r, "backup", "--tag", "mucura", "--host", "mucura", k.Site.Host.Path(dir))
}

// fromRestic restores the newest snapshot; the generation lies deep below target.
func (k *Keeper) fromRestic(ctx context.Context, r *spec.Restic, target string) (string, error) {
	if err := k.restic(ctx, r, "restore", "latest", "--tag", "mucura", "--target", target); err != nil {
		return "", err
	}
	var found string
	err := filepath.WalkDir(target, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == "backup.json" && found == "" {
			found = filepath.Dir(path)
			return filepath.SkipAll
		}
		return nil
	})
	if err == nil && found == "" {
		err = fmt.Errorf("the snapshot holds no backup")
	}
	return found, err
}
