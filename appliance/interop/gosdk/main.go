// Gosdk moves files with the two Go SDKs, with their default settings.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/minio-go/v7"
	miniocreds "github.com/minio/minio-go/v7/pkg/credentials"
)

func main() {
	log.SetFlags(0)
	client := httpClient()
	for name, run := range map[string]func(context.Context, *http.Client, string) error{"aws-sdk-go-v2": awsSDK, "minio-go": minioGo} {
		if err := run(context.Background(), client, os.Getenv("BUCKET")+"-"+name[:5]); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		fmt.Println(name, "ok")
	}
}

func httpClient() *http.Client {
	pool := x509.NewCertPool()
	if pem, err := os.ReadFile(os.Getenv("CA")); err == nil {
		pool.AppendCertsFromPEM(pem)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: pool}
	return &http.Client{Transport: t}
}

// eachFile calls fn with the key and path of every file of the tree.
func eachFile(fn func(key, path string) error) error {
	tree := os.Getenv("TREE")
	return filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		key, err := filepath.Rel(tree, path)
		if err != nil {
			return err
		}
		return fn(key, path)
	})
}

func same(r io.Reader, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	want, got := sha256.New(), sha256.New()
	if _, err := io.Copy(want, f); err != nil {
		return err
	}
	if _, err := io.Copy(got, r); err != nil {
		return err
	}
	if !bytes.Equal(want.Sum(nil), got.Sum(nil)) {
		return fmt.Errorf("%s came back different", path)
	}
	return nil
}

func awsSDK(ctx context.Context, client *http.Client, bucket string) error {
	s := s3.New(s3.Options{
		BaseEndpoint: aws.String(os.Getenv("ENDPOINT")), Region: os.Getenv("REGION"), UsePathStyle: true, HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})
	if _, err := s.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		return err
	}
	up := manager.NewUploader(s)
	err := eachFile(func(key, path string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := up.Upload(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: f}); err != nil {
			return fmt.Errorf("upload %q: %w", key, err)
		}
		got, err := s.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			return fmt.Errorf("get %q: %w", key, err)
		}
		defer got.Body.Close()
		return same(got.Body, path)
	})
	if err != nil {
		return err
	}
	pages := s3.NewListObjectsV2Paginator(s, &s3.ListObjectsV2Input{Bucket: &bucket, MaxKeys: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, o := range page.Contents {
			if _, err := s.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: o.Key}); err != nil {
				return err
			}
		}
	}
	_, err = s.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
	return err
}

func minioGo(ctx context.Context, client *http.Client, bucket string) error {
	m, err := minio.New(os.Getenv("HOST"), &minio.Options{
		Creds:  miniocreds.NewStaticV4(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
		Secure: os.Getenv("SCHEME") == "https", Transport: client.Transport, Region: os.Getenv("REGION"),
	})
	if err != nil {
		return err
	}
	if err := m.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}); err != nil {
		return err
	}
	err = eachFile(func(key, path string) error {
		if _, err := m.FPutObject(ctx, bucket, key, path, minio.PutObjectOptions{PartSize: 16 << 20}); err != nil {
			return fmt.Errorf("put %q: %w", key, err)
		}
		got, err := m.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
		if err != nil {
			return fmt.Errorf("get %q: %w", key, err)
		}
		defer got.Close()
		return same(got, path)
	})
	if err != nil {
		return err
	}
	for o := range m.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}
		if err := m.RemoveObject(ctx, bucket, o.Key, minio.RemoveObjectOptions{}); err != nil {
			return err
		}
	}
	return m.RemoveBucket(ctx, bucket)
}
