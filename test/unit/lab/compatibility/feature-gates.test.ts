import { expect, test } from '@jest/globals';
import { featureGates } from '../../../../lab/compatibility/feature-gates.ts';

const METRICS = `# HELP kubernetes_feature_enabled [BETA] This metric records the data about the stage and enablement of a k8s feature.
# TYPE kubernetes_feature_enabled gauge
kubernetes_feature_enabled{name="Grown",stage=""} 1
kubernetes_feature_enabled{name="Young",stage="BETA"} 1
kubernetes_feature_enabled{name="Newborn",stage="ALPHA"} 0
kubernetes_feature_enabled{name="Other",stage="BETA"} 1
`;

test('of each gate asked for, whether it is on and its stage; none of one that the server does not have', () => {
  expect(featureGates(METRICS, ['Grown', 'Young', 'Newborn', 'Gone'])).toEqual({
    Grown: 'on, GA',
    Young: 'on, beta',
    Newborn: 'off, alpha',
  });
});
