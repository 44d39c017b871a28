using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains;

/// <summary>How all that opens, ends or changes something of a domain takes turns.</summary>
internal static class LockedDomain
{
    /// <summary>The domain, its row locked until the caller's transaction ends. Rows that only refer to it, such as
    /// those of a campaign's plan, are written meanwhile, and do not keep this waiting.</summary>
    public static IQueryable<Domain> Locked(this DbSet<Domain> domains, Guid id) =>
        domains.FromSql($"SELECT * FROM domains WHERE id = {id} FOR NO KEY UPDATE");
}
