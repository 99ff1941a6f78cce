"""A few molecules that need no file: the class is whether there is a ring."""

from __future__ import annotations

_CHAINS = """
C CC CCC CCCC CC(C)C CCCCCC CCCCCCCC C=C C=CC=C CC(=C)C=C C#C CO CCO CCCO CC(C)O CCCCO OCCO OCC(O)CO C=O CC=O CCC=O
CC(C)=O CCC(C)=O OC=O CC(O)=O CCC(O)=O CC(O)C(O)=O OC(=O)C(O)=O OC(=O)CCC(O)=O OC(=O)CC(O)(CC(O)=O)C(O)=O CC(=O)OCC
COC(C)=O CCOCC COC CN CNC CN(C)C CCN NCCN NC(N)=O CC(N)=O NCC(O)=O CC(N)C(O)=O NC(CO)C(O)=O NC(CS)C(O)=O
CSCCC(N)C(O)=O CC(C)C(N)C(O)=O NCCCCC(N)C(O)=O NC(CC(O)=O)C(O)=O NC(=O)CC(N)C(O)=O CS CSC CS(C)=O CC#N CCl ClCCl
ClC(Cl)Cl ClC(Cl)(Cl)Cl CF FC(F)F CI CBr C[N+](=O)[O-] C[N+](C)(C)CCO CC(=O)OCC[N+](C)(C)C NCCS(O)(=O)=O
"""

_RINGS = """
C1CC1 C1CCC1 C1CCCC1 C1CCCCC1 C1=CCCCC1 C1CO1 C1CCOC1 C1CCNC1 C1CCNCC1 C1COCCN1 C1COCCO1 O=C1CCCCC1 OC1CCCCC1
c1ccccc1 Cc1ccccc1 CCc1ccccc1 Cc1ccc(C)cc1 C=Cc1ccccc1 Oc1ccccc1 COc1ccccc1 Nc1ccccc1 Clc1ccccc1 Fc1ccccc1
[O-][N+](=O)c1ccccc1 O=Cc1ccccc1 OC(=O)c1ccccc1 OC(=O)c1ccccc1O CC(=O)Oc1ccccc1C(O)=O CC(=O)Nc1ccc(O)cc1
COc1cc(C=O)ccc1O CC(C)Cc1ccc(cc1)C(C)C(O)=O Nc1ccc(cc1)S(N)(=O)=O c1ccncc1 c1ccoc1 c1ccsc1 c1cc[nH]c1 c1c[nH]cn1
c1ncncn1 c1cncnc1 c1ccc2ccccc2c1 c1ccc2[nH]ccc2c1 c1ccc2ncccc2c1 c1ccc2cc3ccccc3cc2c1 c1ccc(cc1)-c1ccccc1
OC(=O)c1cccnc1 CN1CCCC1c1cccnc1 Cn1cnc2c1c(=O)n(C)c(=O)n2C Cn1cnc2c1c(=O)[nH]c(=O)n2C O=c1cc[nH]c(=O)[nH]1
Nc1ncnc2[nH]cnc12 NCCc1ccc(O)c(O)c1 NCCc1c[nH]c2ccc(O)cc12 NC(Cc1ccccc1)C(O)=O NC(Cc1ccc(O)cc1)C(O)=O
NC(Cc1c[nH]cn1)C(O)=O OC(=O)C1CCCN1 OCC1OC(O)C(O)C(O)C1O CC1=CCC(CC1)C(C)=C CC(C)C1CCC(C)CC1O CC1(C)C2CCC1(C)C(=O)C2
"""

CHAINS, RINGS = tuple(_CHAINS.split()), tuple(_RINGS.split())
