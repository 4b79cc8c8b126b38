// Package awssecrets fetches secrets that settings refer to from AWS Secrets
// Manager (aws-sm:NAME, or aws-sm:NAME#KEY for one member of a JSON object) and
// the Systems Manager Parameter Store (aws-ssm:/PATH).
//
// Credentials and region are those of the environment, as Lambda and ECS tasks
// with injected keys have them: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
// AWS_SESSION_TOKEN, AWS_REGION or AWS_DEFAULT_REGION. The role needs
// secretsmanager:GetSecretValue or ssm:GetParameter, and kms:Decrypt where the
// key is the site's own. AWS_ENDPOINT_URL_SECRETS_MANAGER and
// AWS_ENDPOINT_URL_SSM name other endpoints, such as those of a VPC.
//
// Two calls of a JSON protocol are all that is needed, and requests are signed
// already elsewhere: see decision 0053.
package awssecrets

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/sigv4"
)

// resolveTimeout is how long all secrets of a process may take.
const resolveTimeout = 30 * time.Second

// Resolve replaces the references in the settings by the secrets. Without any it
// needs nothing and does nothing. No error tells a secret.
func Resolve(ctx context.Context, c *config.Config) error {
	return resolve(ctx, c, newClient(os.Getenv))
}

func resolve(ctx context.Context, c *config.Config, client *client) error {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	return c.ResolveSecrets(ctx, client.get)
}

// client asks the two services.
type client struct {
	http                 *http.Client
	creds                sigv4.Credentials
	region               string
	secretsEndpoint, ssm string
	now                  func() time.Time
	pause                time.Duration // before the second try
}

func newClient(env func(string) string) *client {
	region := cmp.Or(env("AWS_REGION"), env("AWS_DEFAULT_REGION"))
	return &client{
		http: &http.Client{
			Timeout:       tryTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		creds: sigv4.Credentials{
			AccessKeyID: env("AWS_ACCESS_KEY_ID"), SecretAccessKey: env("AWS_SECRET_ACCESS_KEY"), SessionToken: env("AWS_SESSION_TOKEN"),
		},
		region:          region,
		secretsEndpoint: cmp.Or(env("AWS_ENDPOINT_URL_SECRETS_MANAGER"), endpoint("secretsmanager", region)),
		ssm:             cmp.Or(env("AWS_ENDPOINT_URL_SSM"), endpoint("ssm", region)),
		now:             time.Now, pause: 200 * time.Millisecond,
	}
}

func endpoint(service, region string) string {
	domain := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain += ".cn"
	}
	return "https://" + service + "." + region + "." + domain
}

// get fetches the secret that a reference names.
func (c *client) get(ctx context.Context, reference string) (string, error) {
	if c.region == "" || c.creds.AccessKeyID == "" || c.creds.SecretAccessKey == "" {
		return "", errors.New("a reference to AWS needs AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	value, err := "", error(nil)
	if path, ok := strings.CutPrefix(reference, "aws-ssm:"); ok {
		value, err = c.parameter(ctx, path)
	} else if name, ok := strings.CutPrefix(reference, "aws-sm:"); ok {
		value, err = c.secret(ctx, name)
	} else {
		err = errors.New("unknown kind of reference")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", reference, err)
	}
	return value, nil
}

// secret gives a secret of the Secrets Manager, or a member of it.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
func (c *client) secret(ctx context.Context, name string) (string, error) {
	id, member, one := strings.Cut(name, "#")
	var out struct{ SecretString string }
	err := c.call(ctx, service{c.secretsEndpoint, "secretsmanager", "secretsmanager.GetSecretValue"}, map[string]any{"SecretId": id}, &out)
	if err != nil {
		return "", err
	}
	if out.SecretString == "" {
		return "", errors.New("the secret is no text")
	}
	if !one {
		return out.SecretString, nil
	}
	var members map[string]any
	if json.Unmarshal([]byte(out.SecretString), &members) != nil {
		return "", errors.New("the secret is no JSON object") // what it is stays unsaid
	}
	value, ok := members[member].(string)
	if !ok {
		return "", fmt.Errorf("the secret has no text %q", member)
	}
	return value, nil
}

// parameter gives a parameter, decrypted.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
func (c *client) parameter(ctx context.Context, path string) (string, error) {
	var out struct{ Parameter struct{ Value string } }
	err := c.call(ctx, service{c.ssm, "ssm", "AmazonSSM.GetParameter"}, map[string]any{"Name": path, "WithDecryption": true}, &out)
	return out.Parameter.Value, err
}
