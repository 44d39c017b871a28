using ControlPlane.Domains.Probing;

namespace ControlPlane.Domains.Preflight;

/// <summary>What port 80 of each address says about a name. Pure.</summary>
internal static class PortFindings
{
    /// <param name="missed">Addresses of others that did not give the token back.</param>
    public static IEnumerable<Finding> OfOthers(IReadOnlyList<Probed> missed)
    {
        var answered = missed.Where(probed => Answered(probed.Fetched.Met)).ToList();
        if (answered.Count > 0)
        {
            yield return Finding.Of(PreflightReasons.Port80AnsweredByAnother, Tell(answered));
        }

        var silent = missed.Except(answered).ToList();
        if (silent.Count > 0)
        {
            yield return Finding.Of(PreflightReasons.Port80NotReached, Tell(silent));
        }
    }

    /// <param name="missed">Addresses of the fleet that did not give the token back.</param>
    public static Finding OfOurs(IReadOnlyList<Probed> missed) =>
        Finding.Of(PreflightReasons.Port80OfOursFails, Tell(missed));

    private static bool Answered(Met met) => met is Met.Body or Met.Status or Met.Redirect or Met.NoHttp;

    private static string Tell(IReadOnlyList<Probed> probes) => string.Join("; ", probes.Select(probed =>
        $"{probed.Address} "
        + (probed.Fetched.Met == Met.Body ? "answers with something else than our token" : probed.Fetched.Detail)))
        + ".";
}
