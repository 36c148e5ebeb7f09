-- What Argo CD shows of a VServerGroupBinding: docs/gitops.md. argocd-cm.yaml is made from this by `npm run generate`.
local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not seen this version of the binding yet" }
end
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready = conditions.Ready or { message = "The operator has not reported yet" }
local health = { status = "Progressing", message = ready.message }
if ready.status == "True" then
  health.status = "Healthy"
elseif conditions.Stalled and conditions.Stalled.status == "True" then
  health.status = "Degraded"
elseif ready.reason == "Suspended" or ready.reason == "DryRun" then
  health.status = "Suspended"
end
return health
