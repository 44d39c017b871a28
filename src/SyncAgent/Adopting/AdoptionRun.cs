using System.Security.Cryptography;
using ControlPlane.Contracts;
using ControlPlane.Contracts.Sealing;
using SyncAgent.ControlPlaneApi;

namespace SyncAgent.Adopting;

/// <summary>
/// Asks what can be adopted, and, when told to, hands it in page by page and waits for the answer. Writes nothing into
/// the directory: that is for the agent that runs, once the fleet has proven what was adopted.
/// </summary>
internal sealed class AdoptionRun(ApiClient api, NodeCard card, OldDirectory reader, TimeProvider time)
{
    /// <summary>Half of what a route of agents takes; the other half is for base64's third and for names.</summary>
    private const int PageBytes = Routes.MaxAgentBodyBytes / 2;

    /// <summary>A key is looked at within seconds; beyond this a vault is away, and a later run tells.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <summary>What lies in the directory and what would become of it.</summary>
    /// <exception cref="ApiUnavailableException">The control plane could not be asked, or refuses the code.</exception>
    public async Task<(IReadOnlyList<OldFile> Files, AdoptionSeal? Seal)> PlanAsync(
        string directory, string? code, CancellationToken cancel) =>
        await AskAsync(reader.Read(directory), code, cancel);

    /// <summary>Hands in what would be adopted, and what was refused before.</summary>
    /// <returns>What became of everything.</returns>
    /// <exception cref="ApiUnavailableException">The control plane could not be asked. What was handed in stays, and a
    /// repeat goes on from there.</exception>
    public async Task<IReadOnlyList<OldFile>> ApplyAsync(
        string directory, string code, IReadOnlyList<OldFile> files, AdoptionSeal seal, CancellationToken cancel)
    {
        var answered = new Dictionary<string, AdoptionVerdict>(StringComparer.Ordinal);
        List<HandedBundle> page = [];
        foreach (var file in files.Where(
            file => file.Outcome is AdoptionOutcomes.WouldAdopt or AdoptionOutcomes.Refused))
        {
            page.Add(Seal(directory, file, seal));
            if (page.Count == Routes.MaxHandedInPerCall || page.Sum(Bytes) > PageBytes)
            {
                await HandInAsync();
            }
        }

        await HandInAsync();
        return await SettledAsync(files, answered, cancel);

        async Task HandInAsync()
        {
            if (page.Count > 0)
            {
                var answer = await api.HandInBundles(new HandInRequest(code, page), cancel);
                answer.Bundles.ToList().ForEach(verdict => answered[verdict.Hostname] = verdict);
                page.Clear();
            }
        }
    }

    private async Task<(IReadOnlyList<OldFile>, AdoptionSeal?)> AskAsync(
        IReadOnlyList<OldFile> files, string? code, CancellationToken cancel)
    {
        var verdicts = new Dictionary<string, AdoptionVerdict>(StringComparer.Ordinal);
        AdoptionSeal? seal = null;
        // Asked at least once: a code that opens nothing is told even where nothing is to adopt.
        FoundBundle[][] pages = [.. files.Where(file => file.IsCandidate)
            .Select(file => new FoundBundle(file.Hostname!, file.Fingerprint!)).Chunk(Routes.MaxPlannedPerCall)];
        foreach (var page in pages.DefaultIfEmpty([]))
        {
            var answer = await api.PlanAdoption(new AdoptionPlanRequest(code, page), cancel);
            seal = answer.Seal;
            answer.Bundles.ToList().ForEach(verdict => verdicts[verdict.Hostname] = verdict);
        }

        return ([.. files.Select(file => file.IsCandidate ? With(file, verdicts) : file)], seal);
    }

    /// <summary>Asks until nothing waits to be looked at. Whether the nodes have proven it yet is not waited
    /// for.</summary>
    private async Task<IReadOnlyList<OldFile>> SettledAsync(
        IReadOnlyList<OldFile> files, Dictionary<string, AdoptionVerdict> answered, CancellationToken cancel)
    {
        var began = time.GetTimestamp();
        // What was refused at once was never kept, so that only this answer tells why.
        var refused = answered.Values.Where(verdict => verdict.Outcome == AdoptionOutcomes.Refused)
            .ToDictionary(verdict => verdict.Hostname, StringComparer.Ordinal);
        while (true)
        {
            var (now, _) = await AskAsync(files, code: null, cancel);
            if (time.GetElapsedTime(began) > Patience
                || !now.Any(file => file.Outcome == AdoptionOutcomes.Adopting && answered.ContainsKey(file.Hostname!)))
            {
                return [.. now.Select(file => file.Hostname is not null ? With(file, refused) : file)];
            }

            await Task.Delay(Tick, time, cancel);
        }
    }

    private HandedBundle Seal(string directory, OldFile file, AdoptionSeal seal)
    {
        using var bundle = OldBundle.Read(Path.Combine(directory, file.FileName));
        using var recipient = ECDiffieHellman.Create();
        recipient.ImportSubjectPublicKeyInfo(seal.PublicKey, out _);
        var binding = new AdoptionBinding(
            card.Fleet, card.Node, seal.Adoption, file.Hostname!, bundle.Fingerprint);
        var (encapsulation, ciphertext) = Hpke.Seal(
            recipient.PublicKey, AdoptionBinding.HpkeInfo, binding.ToAdditionalData(), bundle.Pkcs8);
        return new HandedBundle(file.Hostname!, bundle.Leaf.RawData, bundle.Chain, encapsulation, ciphertext);
    }

    private static int Bytes(HandedBundle bundle) =>
        bundle.Leaf.Length + bundle.Chain.Sum(issuer => issuer.Length) + bundle.SealedKey.Length;

    private static OldFile With(OldFile file, Dictionary<string, AdoptionVerdict> verdicts) =>
        file.Hostname is { } name && verdicts.TryGetValue(name, out var verdict)
            && file.Outcome != OldFileOutcomes.Duplicate
            ? file with { Outcome = verdict.Outcome, Detail = verdict.Detail }
            : file;
}
