package interop_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const nginxConfig = `daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr notice;
events {}
http {
	access_log off;
	%[5]s
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s;
		location / {
			proxy_pass http://%[3]s;
			proxy_set_header Host $http_host;
			%[4]s
		}
	}
}
`

// startNginx starts an nginx at addr that hands everything on to target. Its limits
// are those that it has by itself, but for what more says.
func startNginx(t *testing.T, addr, target, more string) *process {
	t.Helper()
	return startNginxWith(t, "", addr, target, more)
}

// startNginxWith starts one that knows upstream, which may be the target, too.
func startNginxWith(t *testing.T, upstream, addr, target, more string) *process {
	t.Helper()
	file := "/usr/sbin/nginx" // which is not on everybody's path
	if found, err := exec.LookPath("nginx"); err == nil {
		file = found
	}
	if _, err := os.Stat(file); err != nil {
		t.Fatalf("nginx is missing, install it with\n\tapt-get install nginx-light\n%v", err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, dir, addr, target, more, upstream), 0o600); err != nil {
		t.Fatal(err)
	}
	up := func(line string) bool { return strings.Contains(line, "getrlimit(RLIMIT_NOFILE)") } // its last word before it serves
	return start(t, up, nil, file, "-p", dir, "-e", "stderr", "-c", config)
}
