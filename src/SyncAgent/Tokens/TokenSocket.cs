namespace SyncAgent.Tokens;

/// <summary>The agent's unix socket, which HAProxy connects to.</summary>
internal static class TokenSocket
{
    /// <summary>HAProxy's user may write to it through a shared group (a set-group-id directory passes it on); Kestrel
    /// alone would make 0755, which nobody but the owner can connect to.</summary>
    private const UnixFileMode OwnerAndGroup =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    /// <summary>Removes what a killed agent left: only safe while the writer lock is held, because then nobody
    /// listens.</summary>
    public static void RemoveStale(string path) => File.Delete(path);

    public static void Open(string path) => File.SetUnixFileMode(path, OwnerAndGroup);
}
