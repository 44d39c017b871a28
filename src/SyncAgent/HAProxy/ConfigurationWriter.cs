using System.Text;

namespace SyncAgent.HAProxy;

/// <summary>Writes a node's whole configuration. Checked with <c>haproxy -c</c> by the command and by the
/// tests.</summary>
internal static class ConfigurationWriter
{
    /// <summary>Set on a look-up that one node passes to another, so that two nodes without agents do not pass it for
    /// ever.
    /// </summary>
    private const string HopHeader = "X-Token-Hop";

    private const string SameOverHttps = "https://%[req.hdr(host),field(1,:),lower]%[pathq]";

    /// <summary>For the agent's own socket: the next token comes from another node as soon as one could not.</summary>
    private const string DownAtTheFirstError = "observe layer4 error-limit 1 on-error mark-down";

    /// <summary>Intermediate profile of Mozilla's server-side TLS guidelines, version 5.7, without the DHE
    /// suites.</summary>
    private static readonly string[] Tls12Ciphers =
    [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    ];

    /// <exception cref="ArgumentException">A value could be taken for more than one word of the
    /// configuration.</exception>
    public static string Write(ConfigurationOptions options)
    {
        RequirePlainWords(options);
        var text = new StringBuilder();
        text.Append(Preamble(options));
        text.Append(HttpFrontend(options));
        text.Append(HttpsFrontend(options));
        text.Append(TokenBackends(options));
        text.Append(ApplicationBackend(options));
        return text.ToString();
    }

    private static string Preamble(ConfigurationOptions options)
    {
        // No chroot: the agent's socket is looked up inside the jail, and every token would answer 503.
        // Intermediate profile of Mozilla's server-side TLS guidelines, version 5.7.
        return $"""
            # Written by `sync-agent haproxy-config`. Change the command's options, not this file.
            global
                log stderr format raw local0 notice
                stats socket {options.SocketPath} mode 600 level admin expose-fd listeners
                maxconn {options.MaxConnections}
                tune.bufsize {options.BufferSize}
                # An old worker holds a second copy of every certificate: it may not live for ever.
                hard-stop-after 30m
                ssl-default-bind-options ssl-min-ver TLSv1.2
                ssl-default-bind-ciphers {string.Join(':', Tls12Ciphers)}
                ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
                ssl-default-server-options ssl-min-ver TLSv1.2

            defaults
                mode http
                log global
                option dontlognull
                option redispatch
                timeout connect 5s
                timeout client 60s
                timeout server 60s
                timeout http-request 10s
                timeout http-keep-alive 30s
                timeout tunnel 1h


            """;
    }

    private static string HttpFrontend(ConfigurationOptions options)
    {
        // The exception stands in the redirect's own condition: a redirect is evaluated before use_backend.
        return $$"""
            frontend http
                bind {{options.Http}}
            {{ExpectProxy(options)}}    monitor-uri /.well-known/node-ready
                monitor fail if { nbsrv(agent_ready) lt 1 }
                acl token_path path_beg /.well-known/pki-validation/ /.well-known/acme-challenge/
                acl passed_on req.hdr({{HopHeader}}) -m found
                http-request set-header X-Forwarded-For %[src] unless passed_on
                http-request redirect code 308 location {{SameOverHttps}} unless token_path
                use_backend tokens_here if token_path passed_on
                use_backend tokens if token_path


            """;
    }

    private static string HttpsFrontend(ConfigurationOptions options)
    {
        // The list before the directory: of two entries for one name the first counts.
        // strict-sni: without it the first file of the alphabet answers for every unknown name, and cannot be deleted.
        var tls13 = CertificateDirectoryPath.Parse(options.CertificateDirectory).Tls13List;
        var certificates = $"crt-list {tls13} crt {options.CertificateDirectory}/";
        var hsts = options.HstsHosts is null
            ? ""
            : "    http-response set-header Strict-Transport-Security max-age=31536000 "
                + $"if {{ var(txn.host) -m str -f {options.HstsHosts} }}\n";
        return $$"""
            frontend https
                bind {{options.Https}} ssl {{certificates}} strict-sni alpn h2,http/1.1
            {{ExpectProxy(options)}}    http-request set-var(txn.host) req.hdr(host),field(1,:),lower
                acl host_is_sni ssl_fc_sni,lower,strcmp(txn.host) eq 0
                http-request return status 421 content-type text/plain string "Misdirected Request" unless host_is_sni
                acl token_path path_beg /.well-known/pki-validation/ /.well-known/acme-challenge/
                acl passed_on req.hdr({{HopHeader}}) -m found
                http-request set-header X-Forwarded-Proto https
                http-request set-header X-Forwarded-Host %[req.hdr(host)]
                http-request set-header X-Forwarded-For %[src]
            {{hsts}}    use_backend tokens_here if token_path passed_on
                use_backend tokens if token_path
                default_backend application


            """;
    }

    private static string TokenBackends(ConfigurationOptions options)
    {
        var backups = new StringBuilder();
        foreach (var (node, i) in options.BackupNodes.Select((node, i) => (node, i)))
        {
            backups.Append($"    server node{i + 1} {node} backup check inter 2s\n");
        }

        return $"""
            # The agent's token socket; the other nodes read the same token store and help while the agent is away.
            backend tokens
                option httpchk GET /healthz
                http-request set-header {HopHeader} 1
                server agent unix@{options.TokenSocket} check inter 1s fall 1 rise 1 {DownAtTheFirstError}
            {backups}
            backend tokens_here
                server agent unix@{options.TokenSocket}

            # Looked at by the NLB through /.well-known/node-ready, never by a visitor.
            backend agent_ready
                option httpchk GET /readyz
                server agent unix@{options.TokenSocket} check inter 1s fall 2 rise 1


            """;
    }

    private static string ApplicationBackend(ConfigurationOptions options)
    {
        var client = options.ApplicationClientCertificate is null ? "" : $" crt {options.ApplicationClientCertificate}";
        var text = new StringBuilder("backend application\n    balance leastconn\n");
        foreach (var (address, i) in options.Applications.Select((address, i) => (address, i)))
        {
            text.Append(
                $"    server app{i + 1} {address} ssl verify required ca-file {options.ApplicationAuthority} "
                + $"sni str({options.ApplicationName}) check-sni {options.ApplicationName} alpn h2,http/1.1 "
                + $"check inter 2s{client}\n");
        }

        return text.ToString();
    }

    private static string ExpectProxy(ConfigurationOptions options)
    {
        // `accept-proxy` on the bind would take a visitor's own claim about its address.
        return options.ExpectProxyFrom.Count == 0
            ? ""
            : "    tcp-request connection expect-proxy layer4 "
                + $"if {{ src {string.Join(' ', options.ExpectProxyFrom)} }}\n";
    }

    private static void RequirePlainWords(ConfigurationOptions options)
    {
        string?[] words =
        [
            options.Https, options.Http, options.CertificateDirectory, options.SocketPath, options.TokenSocket,
            options.ApplicationAuthority, options.ApplicationName, options.ApplicationClientCertificate,
            options.HstsHosts,
            .. options.ExpectProxyFrom, .. options.Applications, .. options.BackupNodes,
        ];
        var odd = words.FirstOrDefault(word => word is not null && !word.All(IsPlain));
        if (odd is not null)
        {
            throw new ArgumentException(
                $"'{odd}' holds a character that HAProxy's configuration would read as syntax.", nameof(options));
        }
    }

    private static bool IsPlain(char c) =>
        char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '-' or '_' or ':' or '[' or ']' or '*' or '@';
}
