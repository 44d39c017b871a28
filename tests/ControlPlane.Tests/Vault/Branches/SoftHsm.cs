using System.Diagnostics;
using System.Security.Cryptography;

namespace ControlPlane.Tests.Vault.Branches;

/// <summary>A token of SoftHSM2 with one RSA key, in a directory of its own. SoftHSM2 is an HSM in software: all of
/// PKCS#11 is real but the hardware.</summary>
internal sealed class SoftHsm
{
    public const string Pin = "80271935";
    public const string Uri = "pkcs11:token=controlplane;object=vault";
    private const string Module = "/usr/lib/softhsm/libsofthsm2.so";

    private SoftHsm(string folder) => (Configuration, PinFile) = (
        Path.Combine(folder, "softhsm2.conf"), Path.Combine(folder, "pin"));

    public string PinFile { get; }

    private string Configuration { get; }

    /// <summary>Null when everything is there, else what is not.</summary>
    public static string? Missing =>
        !File.Exists(Module) || !File.Exists("/usr/bin/softhsm2-util") ? "softhsm2 is not installed"
        : !Directory.GetFiles("/usr/lib", "pkcs11.so", new EnumerationOptions
        {
            RecurseSubdirectories = true,
            MaxRecursionDepth = 2,
            IgnoreInaccessible = true,
        }).Any(path => path.Contains("/engines-", StringComparison.Ordinal))
            ? "libengine-pkcs11-openssl is not installed"
        : null;

    /// <summary>What the program needs in its environment to find this token.</summary>
    public Dictionary<string, string> Environment => new()
    {
        ["SOFTHSM2_CONF"] = Configuration,
        ["PKCS11_MODULE_PATH"] = Module,
    };

    public static async Task<SoftHsm> CreateAsync(string folder)
    {
        var hsm = new SoftHsm(folder);
        var tokens = Directory.CreateDirectory(Path.Combine(folder, "tokens")).FullName;
        await File.WriteAllTextAsync(hsm.Configuration, $"directories.tokendir = {tokens}\nlog.level = ERROR\n");
        await File.WriteAllTextAsync(hsm.PinFile, Pin);
        File.SetUnixFileMode(hsm.PinFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await hsm.RunAsync("--init-token", "--free", "--label", "controlplane", "--so-pin", "12345678", "--pin", Pin);
        using var key = RSA.Create(2_048);
        var pem = Path.Combine(folder, "key.pem");
        await File.WriteAllTextAsync(pem, key.ExportPkcs8PrivateKeyPem() + "\n");
        await hsm.RunAsync("--import", pem, "--token", "controlplane", "--label", "vault", "--id", "01", "--pin", Pin);
        File.Delete(pem);
        return hsm;
    }

    private async Task RunAsync(params string[] words)
    {
        var start = new ProcessStartInfo("softhsm2-util", words)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["SOFTHSM2_CONF"] = Configuration;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await output + await error);
    }
}
