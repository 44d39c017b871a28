using System.CommandLine;
using SyncAgent.HAProxy;

namespace SyncAgent.Commands;

/// <summary>The command line of <c>haproxy-config</c>, one option for each property of
/// <see cref="ConfigurationOptions"/>.</summary>
internal sealed class ConfigurationArguments
{
    private readonly Option<string> _certificates = Required("--certs", "The directory of bundles");
    private readonly Option<string> _socket = Required("--socket", "The stats socket");
    private readonly Option<string> _https = Required("--https", "TLS listener, address:port");
    private readonly Option<string> _http = Required("--http", "HTTP listener, address:port");
    private readonly Option<string> _tokenSocket = Required("--token-socket", "The agent's unix socket");
    private readonly Option<string[]> _expectProxyFrom = new("--expect-proxy-from")
    {
        Description = "The NLB's address or network",
    };
    private readonly Option<string[]> _applications = new("--app")
    {
        Required = true,
        Description = "Application server, address:port",
    };
    private readonly Option<string> _applicationAuthority = Required(
        "--app-ca", "Authority of the application's certificates");
    private readonly Option<string> _applicationName = Required("--app-sni", "Name in the application's certificates");
    private readonly Option<string?> _applicationClient = new("--app-client-cert")
    {
        Description = "Certificate and key for mutual TLS",
    };
    private readonly Option<string[]> _backupNodes = new("--backup-node")
    {
        Description = "Another node's HTTP listener",
    };
    private readonly Option<string?> _hstsHosts = new("--hsts-hosts")
    {
        Description = "File with hostnames that asked for HSTS",
    };
    private readonly Option<int> _maxConnections = new("--maxconn") { DefaultValueFactory = _ => 10_000 };
    private readonly Option<int> _bufferSize = new("--bufsize") { DefaultValueFactory = _ => 16_384 };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[]
        {
            _certificates, _socket, _https, _http, _tokenSocket, _expectProxyFrom, _applications, _applicationAuthority,
            _applicationName, _applicationClient, _backupNodes, _hstsHosts, _maxConnections, _bufferSize,
        })
        {
            command.Add(option);
        }
    }

    public ConfigurationOptions Read(ParseResult parsed)
    {
        return new ConfigurationOptions
        {
            CertificateDirectory = CertificateDirectoryPath.Parse(parsed.GetRequiredValue(_certificates)).Value,
            SocketPath = Path.GetFullPath(parsed.GetRequiredValue(_socket)),
            Https = parsed.GetRequiredValue(_https),
            Http = parsed.GetRequiredValue(_http),
            TokenSocket = Path.GetFullPath(parsed.GetRequiredValue(_tokenSocket)),
            ExpectProxyFrom = parsed.GetValue(_expectProxyFrom) ?? [],
            Applications = parsed.GetRequiredValue(_applications),
            ApplicationAuthority = Path.GetFullPath(parsed.GetRequiredValue(_applicationAuthority)),
            ApplicationName = parsed.GetRequiredValue(_applicationName),
            ApplicationClientCertificate = FullPath(parsed.GetValue(_applicationClient)),
            BackupNodes = parsed.GetValue(_backupNodes) ?? [],
            HstsHosts = FullPath(parsed.GetValue(_hstsHosts)),
            MaxConnections = parsed.GetValue(_maxConnections),
            BufferSize = parsed.GetValue(_bufferSize),
        };
    }

    private static Option<string> Required(string name, string description) =>
        new(name) { Required = true, Description = description };

    private static string? FullPath(string? path) => path is null ? null : Path.GetFullPath(path);
}
