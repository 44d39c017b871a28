namespace ControlPlane.Http;

/// <summary>One thing to do, the same in a domain and in a problem.</summary>
/// <param name="Text">A sentence the addressee can follow.</param>
/// <param name="Record">The DNS record to copy; null when it is about none.</param>
/// <param name="Remove">True when that record is to go, false when it is to be there.</param>
internal sealed record FixStep(string Text, DnsRecordView? Record = null, bool Remove = false)
{
    public static FixStep ToCreate(DnsRecordView record) =>
        new($"Create the {record.Type} record of {record.Name}.", record);

    public static FixStep ToRemove(DnsRecordView record) =>
        new($"Remove the {record.Type} record of {record.Name}.", record, Remove: true);
}

/// <summary>A DNS record, as it is typed in at a DNS provider.</summary>
/// <param name="Type">CNAME, A, AAAA, TXT or CAA.</param>
/// <param name="Name">The name it stands at.</param>
/// <param name="Value">What it points at or holds.</param>
/// <param name="Note">What to mind; null when nothing.</param>
internal sealed record DnsRecordView(string Type, string Name, string Value, string? Note);
