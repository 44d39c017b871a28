using ControlPlane.Contracts;
using ControlPlane.Http.OpenApi;

namespace ControlPlane.Adoptions;

/// <summary>One adoption, told through all examples. Keys and codes are visibly none.</summary>
internal static class AdoptionExamples
{
    private const string Code = "bm90LWEtcmVhbC1jb2RlLW5vdC1hLXJlYWwtY29kZSE";
    private const string Hostname = "shop.example.com";
    private const string Fingerprint = "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea";
    private static readonly byte[] Placeholder = "not a real key"u8.ToArray();
    private static readonly Guid Id = Guid.Parse("019cadc7-1b2c-7d3e-8f40-5a6b7c8d9e0f");

    public static readonly OpenedAdoption Opened = new(Id, Code, "local", Examples.At.AddHours(1));

    public static readonly AdoptionView Used = new(
        Id, "local", "node-1", Examples.At, Examples.At.AddHours(1), null, 0, 25, 0);

    public static readonly AdoptionPlanRequest Question = new(Code, [new FoundBundle(Hostname, Fingerprint)]);

    public static readonly AdoptionPlanAnswer Answer = new(
        new AdoptionSeal(Id, Placeholder), [new AdoptionVerdict(Hostname, AdoptionOutcomes.WouldAdopt, null)]);

    public static readonly HandInRequest HandedIn = new(
        Code, [new HandedBundle(Hostname, Placeholder, [Placeholder], Placeholder, Placeholder)]);

    public static readonly HandInAnswer Taken = new(
        [new AdoptionVerdict(Hostname, AdoptionOutcomes.Adopting, "It is being looked at.")]);
}
