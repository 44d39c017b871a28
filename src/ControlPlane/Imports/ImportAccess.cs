using ControlPlane.Http;
using ControlPlane.Http.Access;

namespace ControlPlane.Imports;

/// <summary>Whose imports a caller sees: a portal its own tenant's, an operator all.</summary>
internal static class ImportAccess
{
    public static Problem Absent => Problems.NotFound.With("There is no such import.");

    public static IQueryable<Import> VisibleTo(this IQueryable<Import> imports, Caller caller) =>
        caller.Role == ApiRole.Portal ? imports.Where(row => row.TenantId == caller.TenantId) : imports;
}
