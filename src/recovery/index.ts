// Recovery rules: how a stage that lost all its replicas is rebuilt.

export { planRecovery, type RecoveryPlan, type RecoveryRuleName, recoveryRules } from './registry.ts';
export {
  type AfterRebuild,
  type RebuildRequest,
  RecoveryError,
  type RecoveryRule,
  type RecoverySource,
} from './rule.ts';
