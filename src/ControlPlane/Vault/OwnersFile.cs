namespace ControlPlane.Vault;

/// <summary>A file whose content only its owner may see.</summary>
internal static class OwnersFile
{
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead
        | UnixFileMode.OtherWrite;

    /// <param name="path">Of a file that is there.</param>
    /// <param name="what">What it is to people: begins a sentence.</param>
    /// <exception cref="VaultException">Others may read or write it.</exception>
    public static void Check(string path, string what)
    {
        if ((File.GetUnixFileMode(path) & Others) != UnixFileMode.None)
        {
            throw new VaultException($"{what} {path} is readable by others: chmod 600 it.");
        }
    }
}
