"""GitLab's signing tokens are those of Standard Webhooks."""

from oracle import Oracle
from oracles.standard_webhooks import REFUSALS, sign, verify

ORACLES = [Oracle(case="gitlab-signing-token", library="standardwebhooks", verify=verify, sign=sign, refusals=REFUSALS)]
