using System.Buffers.Binary;
using System.Text;
using ControlPlane.Metrics;
using Npgsql;

namespace ControlPlane.Audit;

/// <summary>The end of the chain as metrics, so that whoever keeps the metrics keeps a copy of it.</summary>
internal sealed class AuditGauges(NpgsqlDataSource database)
{
    public async Task<string> WriteAsync(CancellationToken ct)
    {
        var head = (await new AuditDatabase(database).LastAsync(ct))?.Head ?? AuditHead.None;
        var text = new StringBuilder();
        PrometheusText.Head(text, "controlplane_audit_batches", "Batches the audit trail is sealed in.", "gauge");
        PrometheusText.Sample(text, "controlplane_audit_batches", "", head.Number);
        // 48 bits fit a double exactly, and no label changes with every batch. In hexadecimal, with twelve digits, it
        // is what `audit verify --expect` takes.
        PrometheusText.Head(
            text, "controlplane_audit_head_hash", "First 48 bits of the last batch's hash, as a number.", "gauge");
        Span<byte> first = stackalloc byte[sizeof(long)];
        head.Hash.AsSpan(0, 6).CopyTo(first[2..]);
        PrometheusText.Sample(
            text, "controlplane_audit_head_hash", "", BinaryPrimitives.ReadInt64BigEndian(first));
        return text.ToString();
    }
}
