using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Http.Access;
using ControlPlane.SupportConsole.Sessions;

namespace ControlPlane.Http.Rates;

/// <summary>
/// Whose key this replica has seen to be good. It admits nobody: each request is authenticated anew. It only tells
/// callers from guessers before the database is asked, so that whoever guesses keys from an address shared with a
/// portal exhausts the guesses, and not the portal.
/// </summary>
internal sealed class KnownCallers
{
    /// <summary>Far more than there are keys and nodes; emptied then, at the cost of a first use for each.</summary>
    private const int Most = 100_000;

    private readonly ConcurrentDictionary<string, bool> _known = new(StringComparer.Ordinal);

    public bool Contains(HttpContext context) => Identity(context) is { } identity && _known.ContainsKey(identity);

    public void Add(HttpContext context)
    {
        if (Identity(context) is { } identity && !_known.ContainsKey(identity))
        {
            if (_known.Count >= Most)
            {
                _known.Clear();
            }

            _known[identity] = true;
        }
    }

    public bool Remove(HttpContext context) => Identity(context) is { } identity && _known.TryRemove(identity, out _);

    /// <summary>An API key, and a session of the console, is the same with each request. Of a node's token only the
    /// header is: it names the node's key.</summary>
    private static string? Identity(HttpContext context)
    {
        if ((SessionCookie.Of(context.Request) ?? AccessSetup.BearerToken(context.Request)) is not { } token)
        {
            return null;
        }

        var same = AccessSetup.IsNodeToken(token) ? token.AsSpan(0, token.IndexOf('.')) : token;
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(same.ToString())));
    }
}
