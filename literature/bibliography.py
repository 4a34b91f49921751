"""The works that formulas and claims cite: one entry a key."""

# Over 400 lines: a table, one entry a work.

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """A published work, in the terms of BibTeX: `authors` are "Family, Given" joined by " and ", `kind` its entry type.

    A body stands in braces. `authors` and `year` are empty where the document carries none. `note` says what a
    reader needs to know to find the text.
    """

    authors: str
    title: str
    kind: str
    year: str
    venue: str = ""
    doi: str = ""
    url: str = ""
    note: str = ""


def _arxiv(number: str) -> str:
    return f"https://arxiv.org/abs/{number}"


# fmt: off
WORKS: dict[str, Work] = {
    # The five documents that the project began with.
    "agarwal-2024": Work(
        "Agarwal, Rishabh and Vieillard, Nino and Zhou, Yongchao and Stanczyk, Piotr and Ramos, Sabela"
        " and Geist, Matthieu and Bachem, Olivier",
        "On-Policy Distillation of Language Models: Learning from Self-Generated Mistakes",
        "inproceedings", "2024", venue="ICLR", url=_arxiv("2306.13649"),
    ),
    "azar-2023": Work(
        "Azar, Mohammad Gheshlaghi and Rowland, Mark and Piot, Bilal and Guo, Daniel"
        " and Calandriello, Daniele and Valko, Michal and Munos, Rémi",
        "A General Theoretical Paradigm to Understand Learning from Human Preferences",
        "misc", "2023", url=_arxiv("2310.12036"),
    ),
    "backprop-05": Work(
        "",
        "05 Backpropagation",
        "misc", "", note="lecture notes, anonymous",
    ),
    "backprop-summary-2019": Work(
        "",
        "Backprop Chapter Summary",
        "misc", "2019", note="dated 20 October 2019, anonymous",
    ),
    "balntas-2016": Work(
        "Balntas, Vassileios and Riba, Edgar and Ponsa, Daniel and Mikolajczyk, Krystian",
        "Learning Local Feature Descriptors with Triplets and Shallow Convolutional Neural Networks",
        "inproceedings", "2016", venue="British Machine Vision Conference", doi="10.5244/C.30.119",
    ),
    "bernstein-2018": Work(
        "Bernstein, Jeremy and Wang, Yu-Xiang and Azizzadenesheli, Kamyar and Anandkumar, Animashree",
        "signSGD: Compressed Optimisation for Non-Convex Problems",
        "inproceedings", "2018", venue="ICML", url=_arxiv("1802.04434"),
    ),
    "blondel-2020": Work(
        "Blondel, Mathieu and Martins, André F. T. and Niculae, Vlad",
        "Learning with Fenchel-Young Losses",
        "article", "2020", venue="Journal of Machine Learning Research 21(35), 1–69", url=_arxiv("1901.02324"),
    ),
    "cao-2007": Work(
        "Cao, Zhe and Qin, Tao and Liu, Tie-Yan and Tsai, Ming-Feng and Li, Hang",
        "Learning to Rank: From Pairwise Approach to Listwise Approach",
        "inproceedings", "2007", venue="ICML",
    ),
    "cho-2014": Work(
        "Cho, Kyunghyun and van Merriënboer, Bart and Gulcehre, Caglar and Bahdanau, Dzmitry and Bougares, Fethi and"
        " Schwenk, Holger and Bengio, Yoshua",
        "Learning Phrase Representations using RNN Encoder–Decoder for Statistical Machine Translation",
        "inproceedings", "2014", venue="Empirical Methods in Natural Language Processing", url=_arxiv("1406.1078"),
    ),
    "elman-1990": Work(
        "Elman, Jeffrey L.",
        "Finding Structure in Time",
        "article", "1990", venue="Cognitive Science 14(2), 179–211",
    ),
    "ethayarajh-2024": Work(
        "Ethayarajh, Kawin and Xu, Winnie and Muennighoff, Niklas and Jurafsky, Dan and Kiela, Douwe",
        "KTO: Model Alignment as Prospect Theoretic Optimization",
        "inproceedings", "2024", venue="ICML, PMLR 235, 12634–12651", url=_arxiv("2402.01306"),
    ),
    "gers-2000": Work(
        "Gers, Felix A. and Schmidhuber, Jürgen and Cummins, Fred",
        "Learning to Forget: Continual Prediction with LSTM",
        "article", "2000", venue="Neural Computation 12(10), 2451–2471",
    ),
    "hochreiter-1997": Work(
        "Hochreiter, Sepp and Schmidhuber, Jürgen",
        "Long Short-Term Memory",
        "article", "1997", venue="Neural Computation 9(8), 1735–1780",
    ),
    "hong-2024": Work(
        "Hong, Jiwoo and Lee, Noah and Thorne, James",
        "ORPO: Monolithic Preference Optimization without Reference Model",
        "inproceedings", "2024", venue="EMNLP, 11170–11189", url=_arxiv("2403.07691"),
    ),
    "igel-huesken-2000": Work(
        "Igel, Christian and Hüsken, Michael",
        "Improving the Rprop Learning Algorithm",
        "inproceedings", "2000", venue="Second International ICSC Symposium on Neural Computation",
    ),
    "lee-seung-2000": Work(
        "Lee, Daniel D. and Seung, H. Sebastian",
        "Algorithms for Non-negative Matrix Factorization",
        "inproceedings", "2000", venue="Advances in Neural Information Processing Systems 13",
    ),
    "meng-2024": Work(
        "Meng, Yu and Xia, Mengzhou and Chen, Danqi",
        "SimPO: Simple Preference Optimization with a Reference-Free Reward",
        "inproceedings", "2024", venue="NeurIPS", url=_arxiv("2405.14734"),
    ),
    "riedmiller-braun-1993": Work(
        "Riedmiller, Martin and Braun, Heinrich",
        "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm",
        "inproceedings", "1993", venue="IEEE International Conference on Neural Networks",
    ),
    "rafailov-2023": Work(
        "Rafailov, Rafael and Sharma, Archit and Mitchell, Eric and Ermon, Stefano"
        " and Manning, Christopher D. and Finn, Chelsea",
        "Direct Preference Optimization: Your Language Model is Secretly a Reward Model",
        "inproceedings", "2023", venue="NeurIPS", url=_arxiv("2305.18290"),
        note="gradient of the loss read as several public notes quote it, not in the paper itself",
    ),
    "schulman-2017": Work(
        "Schulman, John and Wolski, Filip and Dhariwal, Prafulla and Radford, Alec and Klimov, Oleg",
        "Proximal Policy Optimization Algorithms",
        "misc", "2017", url=_arxiv("1707.06347"),
    ),
    "schulman-2020": Work(
        "Schulman, John",
        "Approximating KL Divergence",
        "misc", "2020", url="http://joschu.net/blog/kl-approx.html",
    ),
    "valchanov-365": Work(
        "Valchanov, Iliya",
        "Backpropagation Algorithm: Course Notes",
        "misc", "", venue="365 Data Science",
        url="https://365datascience.com/resources-center/course-notes/backpropagation-algorithm/",
    ),
    "deriving-backprop": Work(
        "",
        "Deriving Backpropagation for Neural Networks",
        "misc", "", note="web article, anonymous",
    ),
    "dong-2016": Work(
        "Dong, Mingwen",
        "Back-propagation Tutorial",
        "misc", "2016", note="dated 28 December 2016",
    ),
    # Books and courses.
    "nielsen-2015": Work(
        "Nielsen, Michael A.",
        "Neural Networks and Deep Learning",
        "book", "2015", venue="Determination Press", url="http://neuralnetworksanddeeplearning.com",
        note="equations read in the LaTeX edition of the repository notevenwronglx-maker/neural-networks-and-deep-"
        "learning-zh, folder en",
    ),
    "goodfellow-2016": Work(
        "Goodfellow, Ian and Bengio, Yoshua and Courville, Aaron",
        "Deep Learning",
        "book", "2016", venue="MIT Press", url="https://www.deeplearningbook.org",
        note="equations read in the open Chinese translation, repository exacity/deeplearningbook-chinese, revision "
        "3874549, chapter 6",
    ),
    "goodfellow-2016-zh": Work(
        "",
        "Deep Learning, Chinese translation of the book by Goodfellow, Bengio and Courville",
        "misc", "2016", url="https://github.com/exacity/deeplearningbook-chinese",
        note="read at revision 048abf9",
    ),
    "d2l": Work(
        "Zhang, Aston and Lipton, Zachary C. and Li, Mu and Smola, Alexander J.",
        "Dive into Deep Learning",
        "book", "2023", venue="Cambridge University Press", url="https://d2l.ai",
        note="read in the repository d2l-ai/d2l-en, revisions 0848f3e and 01bc4d0",
    ),
    "cs231n": Work(
        "{CS231n course staff}",
        "CS231n: Deep Learning for Computer Vision, Course Notes",
        "misc", "", venue="Stanford University", url="https://cs231n.github.io",
        note="read in the repository cs231n/cs231n.github.io",
    ),
    "ufldl": Work(
        "Ng, Andrew and Ngiam, Jiquan and Foo, Chuan Yu and Mai, Yifan and Suen, Caroline",
        "UFLDL Tutorial: Backpropagation Algorithm",
        "misc", "", venue="Stanford University",
        url="http://ufldl.stanford.edu/wiki/index.php/Backpropagation_Algorithm",
    ),
    "compphysics": Work(
        "Hjorth-Jensen, Morten",
        "Machine Learning, lecture notes",
        "misc", "", venue="University of Oslo",
        url="https://compphysics.github.io/MachineLearning/doc/pub/week42/html/._week42-bs040.html",
    ),
    # Pages that print single formulas.
    "misra-2019-notes": Work(
        "Agarwal, Shivi",
        "Summary of Mish: A Self Regularized Non-Monotonic Neural Activation Function",
        "misc", "", url="http://www.philkr.net/cs395t/summaries/misra2019mish_1",
    ),
    "sefiks-elu": Work(
        "{sefiks.com}",
        "ELU as a Neural Networks Activation Function",
        "misc", "2018", url="https://sefiks.com/2018/01/02/elu-as-a-neural-networks-activation-function",
    ),
    "stackexchange-focal": Work(
        "{AI Stack Exchange}",
        "Question 13755, on the gradient of the focal loss",
        "misc", "", url="https://ai.stackexchange.com/questions/13755",
    ),
    "click4ai-swish": Work(
        "{click4ai}",
        "Swish activation",
        "misc", "", url="https://click4ai.perfionixai.com/problems/swish-activation",
    ),
    "sunhaozhe-2019": Work(
        "{sunhaozhe.github.io}",
        "Matrix calculus",
        "misc", "2019", url="https://sunhaozhe.github.io/blogs/2019/10/03/matrix-calculus",
    ),
    "jpark-softmax": Work(
        "{jpark7ca.github.io}",
        "Multiclass logistic regression (softmax) and its derivative",
        "misc", "", url="https://jpark7ca.github.io/softmax.html",
    ),
    "xie-2022": Work(
        "Xie, Xingyu and Zhou, Pan and Li, Huan and Lin, Zhouchen and Yan, Shuicheng",
        "Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models",
        "misc", "2022", url=_arxiv("2208.06677"),
    ),
    "zaheer-2018": Work(
        "Zaheer, Manzil and Reddi, Sashank J. and Sachan, Devendra and Kale, Satyen and Kumar, Sanjiv",
        "Adaptive Methods for Nonconvex Optimization",
        "inproceedings", "2018", venue="Advances in Neural Information Processing Systems 31",
    ),
    "zhuang-2020": Work(
        "Zhuang, Juntang and Tang, Tommy and Ding, Yifan and Tatikonda, Sekhar and Dvornek, Nicha"
        " and Papademetris, Xenophon and Duncan, James S.",
        "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients",
        "inproceedings", "2020", venue="Advances in Neural Information Processing Systems 33", url=_arxiv("2010.07468"),
    ),
    "wen-2023": Work(
        "Wen, Yuqiao and Li, Zichao and Du, Wenyu and Mou, Lili",
        "f-Divergence Minimization for Sequence-Level Knowledge Distillation",
        "inproceedings", "2023", venue="Annual Meeting of the Association for Computational Linguistics",
        url=_arxiv("2307.15190"),
    ),
    "werbos-1990": Work(
        "Werbos, Paul J.",
        "Backpropagation Through Time: What It Does and How to Do It",
        "article", "1990", venue="Proceedings of the IEEE 78(10), 1550–1560",
    ),
    "wijmans-2024": Work(
        "Wijmans, Erik and Huval, Brody and Hertzberg, Alexander and Koltun, Vladlen and Krähenbühl, Philipp",
        "Cut Your Losses in Large-Vocabulary Language Models",
        "misc", "2024", url=_arxiv("2411.09009"),
    ),
    "xu-2024": Work(
        "Xu, Haoran and Sharaf, Amr and Chen, Yunmo and Tan, Weiting and Shen, Lingfeng"
        " and Van Durme, Benjamin and Murray, Kenton and Kim, Young Jin",
        "Contrastive Preference Optimization: Pushing the Boundaries of LLM Performance in Machine Translation",
        "inproceedings", "2024", venue="ICML", url=_arxiv("2401.08417"),
    ),
    "yale-adam-memo": Work(
        "{Yale Data Science}",
        "Paper memo on Adam: initialization bias correction",
        "misc", "", url="https://github.com/YaleDataScience/paper-memo",
    ),
    "stackexchange-lecun": Work(
        "{Cross Validated}",
        "Question 60166, on 1.7159 tanh(2x/3) as activation function",
        "misc", "2013", url="https://stats.stackexchange.com/questions/60166",
    ),
    "gmse-tanh": Work(
        "{gmse.de}",
        "Activation units and derivatives",
        "misc", "", url="https://www.gmse.de/math-test/",
    ),
    "javashuo-focal": Work(
        "{javashuo}",
        "Forward and backward formulas of the focal loss (in Chinese)",
        "misc", "", url="http://hk.javashuo.com/article/p-rxeydvem-gs.html",
    ),
    # Pages and notes that print backward passes of layers.
    "attn-bilinear": Work(
        "{planckeon}",
        "Attention as Bilinear Form: Gradient Derivations",
        "misc", "", url="https://planckeon.github.io/attn-as-bilinear-form/theory/gradients",
        note="read in the repository planckeon/attn-as-bilinear-form, revision 22c24cf",
    ),
    "dpo-sanowl": Work(
        "{sanowl.github.io}",
        "DPO: Training from Pairwise Preferences without a Reward Model",
        "misc", "", url="https://sanowl.github.io/dpo.html",
    ),
    "gelu-lexailabs": Work(
        "{lexailabs}",
        "GELU Backward (tanh Approximation), an exercise",
        "misc", "", url="https://prof.lexailabs.com/practice/gelu-backward",
    ),
    "gelu-zhangwx": Work(
        "{whut-zhangwx}",
        "Gaussian Error Linear Unit (GELU)",
        "misc", "", url="https://whut-zhangwx.github.io/Gaussian-Error-Linear-Unit",
    ),
    "kaixih-layer-norm": Work(
        "{kaixih}",
        "Layer Normalization Backprop",
        "misc", "", url="https://github.com/kaixih/layer_norm", note="README.md read at revision 0e22688",
    ),
    "kernel-hyperdrive": Work(
        "{mayank31398}",
        "kernel-hyperdrive: RMSNorm",
        "misc", "", url="https://github.com/mayank31398/kernel-hyperdrive",
        note="cute_kernels/kernels/rmsnorm/README.md read at revision 1028bde",
    ),
    "rmsnorm-notebook": Work(
        "{chrisjob1021}",
        "transformer-examples: RMSNorm Gradient Derivation",
        "misc", "", url="https://github.com/chrisjob1021/transformer-examples",
        note="a notebook, read in a stored copy of the repository's page; the revisions at hand no longer have it",
    ),
    "rnn-units": Work(
        "Fichou, Dimitri",
        "LSTM Units and GRU Units, vignettes of the R package rnn",
        "misc", "", url="https://cran.r-project.org/package=rnn",
        note="read in the repository bquast/rnn, vignettes/LSTM_units.Rmd at 12c60f0, GRU_units.Rmd at 6b76118",
    ),
    "xopes-normalize": Work(
        "{Doraemonzzz}",
        "xopes: Normalize",
        "misc", "", url="https://github.com/Doraemonzzz/xopes",
        note="xopes/ops/normalize/README.md read at revision 0c2044d",
    ),
    # Activations.
    "barron-2017": Work(
        "Barron, Jonathan T.",
        "Continuously Differentiable Exponential Linear Units",
        "misc", "2017", url=_arxiv("1704.07483"),
    ),
    "barron-2021": Work(
        "Barron, Jonathan T.",
        "Squareplus: A Softplus-Like Algebraic Rectifier",
        "misc", "2021", url=_arxiv("2112.11687"),
    ),
    "bergstra-2009": Work(
        "Bergstra, James and Desjardins, Guillaume and Lamblin, Pascal and Bengio, Yoshua",
        "Quadratic Polynomials Learn Better Image Features",
        "techreport", "2009", venue="Technical Report 1337, DIRO, Université de Montréal",
    ),
    "bridle-1990": Work(
        "Bridle, John S.",
        "Probabilistic Interpretation of Feedforward Classification Network Outputs, with Relationships to "
        "Statistical Pattern Recognition",
        "incollection", "1990", venue="Neurocomputing: Algorithms, Architectures and Applications, 227–236",
        doi="10.1007/978-3-642-76153-9_28",
    ),
    "broomhead-lowe-1988": Work(
        "Broomhead, David S. and Lowe, David",
        "Multivariable Functional Interpolation and Adaptive Networks",
        "article", "1988", venue="Complex Systems 2, 321–355",
    ),
    "clevert-2016": Work(
        "Clevert, Djork-Arné and Unterthiner, Thomas and Hochreiter, Sepp",
        "Fast and Accurate Deep Network Learning by Exponential Linear Units (ELUs)",
        "inproceedings", "2016", venue="ICLR", url=_arxiv("1511.07289"),
    ),
    "collobert-2004": Work(
        "Collobert, Ronan",
        "Large Scale Machine Learning",
        "phdthesis", "2004", venue="Université Paris VI",
    ),
    "dauphin-2017": Work(
        "Dauphin, Yann N. and Fan, Angela and Auli, Michael and Grangier, David",
        "Language Modeling with Gated Convolutional Networks",
        "inproceedings", "2017", venue="ICML", url=_arxiv("1612.08083"),
    ),
    "donoho-1994": Work(
        "Donoho, David L. and Johnstone, Iain M.",
        "Ideal Spatial Adaptation by Wavelet Shrinkage",
        "article", "1994", venue="Biometrika 81(3), 425–455", doi="10.1093/biomet/81.3.425",
    ),
    "donoho-1995": Work(
        "Donoho, David L.",
        "De-noising by Soft-Thresholding",
        "article", "1995", venue="IEEE Transactions on Information Theory 41(3), 613–627", doi="10.1109/18.382009",
    ),
    "dugas-2001": Work(
        "Dugas, Charles and Bengio, Yoshua and Bélisle, François and Nadeau, Claude and Garcia, René",
        "Incorporating Second-Order Functional Knowledge for Better Option Pricing",
        "inproceedings", "2001", venue="Advances in Neural Information Processing Systems 13",
    ),
    "elfwing-2018": Work(
        "Elfwing, Stefan and Uchibe, Eiji and Doya, Kenji",
        "Sigmoid-Weighted Linear Units for Neural Network Function Approximation in Reinforcement Learning",
        "article", "2018", venue="Neural Networks 107, 3–11", doi="10.1016/j.neunet.2017.12.012",
        url=_arxiv("1702.03118"),
    ),
    "glorot-2010": Work(
        "Glorot, Xavier and Bengio, Yoshua",
        "Understanding the Difficulty of Training Deep Feedforward Neural Networks",
        "inproceedings", "2010", venue="AISTATS, PMLR 9, 249–256",
    ),
    "glorot-2011": Work(
        "Glorot, Xavier and Bordes, Antoine and Bengio, Yoshua",
        "Deep Sparse Rectifier Neural Networks",
        "inproceedings", "2011", venue="AISTATS, PMLR 15, 315–323",
    ),
    "goodfellow-2013": Work(
        "Goodfellow, Ian J. and Warde-Farley, David and Mirza, Mehdi and Courville, Aaron and Bengio, Yoshua",
        "Maxout Networks",
        "inproceedings", "2013", venue="ICML", url=_arxiv("1302.4389"),
    ),
    "he-2015": Work(
        "He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian",
        "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet Classification",
        "inproceedings", "2015", venue="ICCV", doi="10.1109/ICCV.2015.123", url=_arxiv("1502.01852"),
    ),
    "brock-2017": Work(
        "Brock, Andrew and Lim, Theodore and Ritchie, J. M. and Weston, Nick",
        "Neural Photo Editing with Introspective Adversarial Networks",
        "inproceedings", "2017", venue="ICLR", url=_arxiv("1609.07093"),
    ),
    "hoffman-2019": Work(
        "Hoffman, Judy and Roberts, Daniel A. and Yaida, Sho",
        "Robust Learning with Jacobian Regularization",
        "misc", "2019", url=_arxiv("1908.02729"),
    ),
    "recht-2010": Work(
        "Recht, Benjamin and Fazel, Maryam and Parrilo, Pablo A.",
        "Guaranteed Minimum-Rank Solutions of Linear Matrix Equations via Nuclear Norm Minimization",
        "article", "2010", venue="SIAM Review 52(3), 471–501", doi="10.1137/070697835",
    ),
    "hendrycks-2016": Work(
        "Hendrycks, Dan and Gimpel, Kevin",
        "Gaussian Error Linear Units (GELUs)",
        "misc", "2016", url=_arxiv("1606.08415"),
    ),
    "hinton-2015": Work(
        "Hinton, Geoffrey and Vinyals, Oriol and Dean, Jeff",
        "Distilling the Knowledge in a Neural Network",
        "misc", "2015", url=_arxiv("1503.02531"),
    ),
    "howard-2019": Work(
        "Howard, Andrew and Sandler, Mark and Chu, Grace and Chen, Liang-Chieh and Chen, Bo and Tan, Mingxing"
        " and Wang, Weijun and Zhu, Yukun and Pang, Ruoming and Vasudevan, Vijay and Le, Quoc V. and Adam, "
        "Hartwig",
        "Searching for MobileNetV3",
        "inproceedings", "2019", venue="ICCV", doi="10.1109/ICCV.2019.00140", url=_arxiv("1905.02244"),
    ),
    "hunter-regan-1972": Work(
        "Hunter, D. B. and Regan, T.",
        "A Note on the Evaluation of the Complementary Error Function",
        "article", "1972", venue="Mathematics of Computation 26, 539–541",
    ),
    "klambauer-2017": Work(
        "Klambauer, Günter and Unterthiner, Thomas and Mayr, Andreas and Hochreiter, Sepp",
        "Self-Normalizing Neural Networks",
        "inproceedings", "2017", venue="Advances in Neural Information Processing Systems 30",
        url=_arxiv("1706.02515"),
    ),
    "krizhevsky-2012": Work(
        "Krizhevsky, Alex and Sutskever, Ilya and Hinton, Geoffrey E.",
        "{ImageNet} Classification with Deep Convolutional Neural Networks",
        "inproceedings", "2012", venue="NeurIPS",
    ),
    "krizhevsky-2010": Work(
        "Krizhevsky, Alex",
        "Convolutional Deep Belief Networks on CIFAR-10",
        "misc", "2010", venue="University of Toronto", note="unpublished manuscript",
    ),
    "lecun-1998": Work(
        "LeCun, Yann and Bottou, Léon and Orr, Genevieve B. and Müller, Klaus-Robert",
        "Efficient BackProp",
        "incollection", "1998", venue="Neural Networks: Tricks of the Trade, 9–50", doi="10.1007/3-540-49430-8_2",
    ),
    "maas-2013": Work(
        "Maas, Andrew L. and Hannun, Awni Y. and Ng, Andrew Y.",
        "Rectifier Nonlinearities Improve Neural Network Acoustic Models",
        "inproceedings", "2013", venue="ICML Workshop on Deep Learning for Audio, Speech and Language Processing",
    ),
    "misra-2019": Work(
        "Misra, Diganta",
        "Mish: A Self Regularized Non-Monotonic Activation Function",
        "misc", "2019", url=_arxiv("1908.08681"),
    ),
    "nair-hinton-2010": Work(
        "Nair, Vinod and Hinton, Geoffrey E.",
        "Rectified Linear Units Improve Restricted Boltzmann Machines",
        "inproceedings", "2010", venue="ICML, 807–814",
    ),
    "ramachandran-2017": Work(
        "Ramachandran, Prajit and Zoph, Barret and Le, Quoc V.",
        "Searching for Activation Functions",
        "misc", "2017", url=_arxiv("1710.05941"),
    ),
    "shazeer-2020": Work(
        "Shazeer, Noam",
        "GLU Variants Improve Transformer",
        "misc", "2020", url=_arxiv("2002.05202"),
    ),
    "so-2021": Work(
        "So, David R. and Mańke, Wojciech and Liu, Hanxiao and Dai, Zihang and Shazeer, Noam and Le, Quoc V.",
        "Primer: Searching for Efficient Transformers for Language Modeling",
        "inproceedings", "2021", venue="Advances in Neural Information Processing Systems 34",
        url=_arxiv("2109.08668"),
    ),
    "xu-2015": Work(
        "Xu, Bing and Wang, Naiyan and Chen, Tianqi and Li, Mu",
        "Empirical Evaluation of Rectified Activations in Convolutional Network",
        "misc", "2015", url=_arxiv("1505.00853"),
    ),
    # Backpropagation.
    "rumelhart-1986": Work(
        "Rumelhart, David E. and Hinton, Geoffrey E. and Williams, Ronald J.",
        "Learning Representations by Back-Propagating Errors",
        "article", "1986", venue="Nature 323, 533–536", doi="10.1038/323533a0",
    ),
    "bishop-2006": Work(
        "Bishop, Christopher M.",
        "Pattern Recognition and Machine Learning",
        "book", "2006", venue="Springer",
    ),
    # Costs.
    "arjovsky-2017": Work(
        "Arjovsky, Martin and Chintala, Soumith and Bottou, Léon",
        "Wasserstein Generative Adversarial Networks",
        "inproceedings", "2017", venue="ICML", url=_arxiv("1701.07875"),
    ),
    "chen-2020": Work(
        "Chen, Ting and Kornblith, Simon and Norouzi, Mohammad and Hinton, Geoffrey",
        "A Simple Framework for Contrastive Learning of Visual Representations",
        "inproceedings", "2020", venue="ICML", url=_arxiv("2002.05709"),
    ),
    "cortes-vapnik-1995": Work(
        "Cortes, Corinna and Vapnik, Vladimir",
        "Support-Vector Networks",
        "article", "1995", venue="Machine Learning 20, 273–297", doi="10.1007/BF00994018",
    ),
    "crammer-singer-2001": Work(
        "Crammer, Koby and Singer, Yoram",
        "On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines",
        "article", "2001", venue="Journal of Machine Learning Research 2, 265–292",
    ),
    "girshick-2015": Work(
        "Girshick, Ross",
        "Fast R-CNN",
        "inproceedings", "2015", venue="ICCV", doi="10.1109/ICCV.2015.169", url=_arxiv("1504.08083"),
    ),
    "graves-2006": Work(
        "Graves, Alex and Fernández, Santiago and Gomez, Faustino and Schmidhuber, Jürgen",
        "Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with Recurrent Neural Networks",
        "inproceedings", "2006", venue="ICML", doi="10.1145/1143844.1143891",
    ),
    "hadsell-2006": Work(
        "Hadsell, Raia and Chopra, Sumit and LeCun, Yann",
        "Dimensionality Reduction by Learning an Invariant Mapping",
        "inproceedings", "2006", venue="CVPR", doi="10.1109/CVPR.2006.100",
    ),
    "huber-1964": Work(
        "Huber, Peter J.",
        "Robust Estimation of a Location Parameter",
        "article", "1964", venue="The Annals of Mathematical Statistics 35(1), 73–101", doi="10.1214/aoms/1177703732",
    ),
    "koenker-bassett-1978": Work(
        "Koenker, Roger and Bassett, Gilbert",
        "Regression Quantiles",
        "article", "1978", venue="Econometrica 46(1), 33–50", doi="10.2307/1913643",
    ),
    "kullback-leibler-1951": Work(
        "Kullback, Solomon and Leibler, Richard A.",
        "On Information and Sufficiency",
        "article", "1951", venue="The Annals of Mathematical Statistics 22(1), 79–86", doi="10.1214/aoms/1177729694",
    ),
    "lin-1991": Work(
        "Lin, Jianhua",
        "Divergence Measures Based on the Shannon Entropy",
        "article", "1991", venue="IEEE Transactions on Information Theory 37(1), 145–151", doi="10.1109/18.61115",
    ),
    "lin-2017": Work(
        "Lin, Tsung-Yi and Goyal, Priya and Girshick, Ross and He, Kaiming and Dollár, Piotr",
        "Focal Loss for Dense Object Detection",
        "inproceedings", "2017", venue="ICCV", doi="10.1109/ICCV.2017.324", url=_arxiv("1708.02002"),
    ),
    "milletari-2016": Work(
        "Milletari, Fausto and Navab, Nassir and Ahmadi, Seyed-Ahmad",
        "V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image Segmentation",
        "inproceedings", "2016", venue="3DV", doi="10.1109/3DV.2016.79", url=_arxiv("1606.04797"),
    ),
    "nix-weigend-1994": Work(
        "Nix, David A. and Weigend, Andreas S.",
        "Estimating the Mean and Variance of the Target Probability Distribution",
        "inproceedings", "1994", venue="IEEE International Conference on Neural Networks, 55–60",
        doi="10.1109/ICNN.1994.374138",
    ),
    "rosenblatt-1958": Work(
        "Rosenblatt, Frank",
        "The Perceptron: A Probabilistic Model for Information Storage and Organization in the Brain",
        "article", "1958", venue="Psychological Review 65(6), 386–408", doi="10.1037/h0042519",
    ),
    "salehi-2017": Work(
        "Salehi, Seyed Sadegh Mohseni and Erdogmus, Deniz and Gholipour, Ali",
        "Tversky Loss Function for Image Segmentation Using 3D Fully Convolutional Deep Networks",
        "inproceedings", "2017", venue="MLMI", url=_arxiv("1706.05721"),
    ),
    "schroff-2015": Work(
        "Schroff, Florian and Kalenichenko, Dmitry and Philbin, James",
        "FaceNet: A Unified Embedding for Face Recognition and Clustering",
        "inproceedings", "2015", venue="CVPR", doi="10.1109/CVPR.2015.7298682", url=_arxiv("1503.03832"),
    ),
    "sohn-2016": Work(
        "Sohn, Kihyuk",
        "Improved Deep Metric Learning with Multi-class N-pair Loss Objective",
        "inproceedings", "2016", venue="Advances in Neural Information Processing Systems 29",
    ),
    "szegedy-2016": Work(
        "Szegedy, Christian and Vanhoucke, Vincent and Ioffe, Sergey and Shlens, Jon and Wojna, Zbigniew",
        "Rethinking the Inception Architecture for Computer Vision",
        "inproceedings", "2016", venue="CVPR", doi="10.1109/CVPR.2016.308", url=_arxiv("1512.00567"),
    ),
    "oord-2018": Work(
        "van den Oord, Aaron and Li, Yazhe and Vinyals, Oriol",
        "Representation Learning with Contrastive Predictive Coding",
        "misc", "2018", url=_arxiv("1807.03748"),
    ),
    # Regularizers.
    "drucker-lecun-1992": Work(
        "Drucker, Harris and LeCun, Yann",
        "Improving Generalization Performance Using Double Backpropagation",
        "article", "1992", venue="IEEE Transactions on Neural Networks 3(6), 991–997", doi="10.1109/72.165600",
    ),
    "gulrajani-2017": Work(
        "Gulrajani, Ishaan and Ahmed, Faruk and Arjovsky, Martin and Dumoulin, Vincent and Courville, Aaron",
        "Improved Training of Wasserstein GANs",
        "inproceedings", "2017", venue="Advances in Neural Information Processing Systems 30",
        url=_arxiv("1704.00028"),
    ),
    "krogh-hertz-1992": Work(
        "Krogh, Anders and Hertz, John A.",
        "A Simple Weight Decay Can Improve Generalization",
        "inproceedings", "1992", venue="Advances in Neural Information Processing Systems 4",
    ),
    "miyato-2018": Work(
        "Miyato, Takeru and Kataoka, Toshiki and Koyama, Masanori and Yoshida, Yuichi",
        "Spectral Normalization for Generative Adversarial Networks",
        "inproceedings", "2018", venue="ICLR", url=_arxiv("1802.05957"),
    ),
    "pereyra-2017": Work(
        "Pereyra, Gabriel and Tucker, George and Chorowski, Jan and Kaiser, Łukasz and Hinton, Geoffrey",
        "Regularizing Neural Networks by Penalizing Confident Output Distributions",
        "misc", "2017", url=_arxiv("1701.06548"),
    ),
    "ba-2016": Work(
        "Ba, Jimmy Lei and Kiros, Jamie Ryan and Hinton, Geoffrey E.",
        "Layer Normalization",
        "misc", "2016", url=_arxiv("1607.06450"),
    ),
    "ioffe-2015": Work(
        "Ioffe, Sergey and Szegedy, Christian",
        "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
        "inproceedings", "2015", venue="International Conference on Machine Learning", url=_arxiv("1502.03167"),
        note="equations read as two public notes quote them, not in the paper itself",
    ),
    "salimans-2016": Work(
        "Salimans, Tim and Kingma, Diederik P.",
        "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural Networks",
        "inproceedings", "2016", venue="Advances in Neural Information Processing Systems 29", url=_arxiv("1602.07868"),
    ),
    "wu-2018": Work(
        "Wu, Yuxin and He, Kaiming",
        "Group Normalization",
        "inproceedings", "2018", venue="European Conference on Computer Vision", url=_arxiv("1803.08494"),
    ),
    "zhang-2019": Work(
        "Zhang, Biao and Sennrich, Rico",
        "Root Mean Square Layer Normalization",
        "inproceedings", "2019", venue="Advances in Neural Information Processing Systems 32", url=_arxiv("1910.07467"),
    ),
    "srivastava-2014": Work(
        "Srivastava, Nitish and Hinton, Geoffrey and Krizhevsky, Alex and Sutskever, Ilya and Salakhutdinov, Ruslan",
        "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
        "article", "2014", venue="Journal of Machine Learning Research 15, 1929–1958",
    ),
    "tibshirani-1996": Work(
        "Tibshirani, Robert",
        "Regression Shrinkage and Selection via the Lasso",
        "article", "1996", venue="Journal of the Royal Statistical Society B 58(1), 267–288",
        doi="10.1111/j.2517-6161.1996.tb02080.x",
    ),
    "yoshida-miyato-2017": Work(
        "Yoshida, Yuichi and Miyato, Takeru",
        "Spectral Norm Regularization for Improving the Generalizability of Deep Learning",
        "misc", "2017", url=_arxiv("1705.10941"),
    ),
    "yuan-lin-2006": Work(
        "Yuan, Ming and Lin, Yi",
        "Model Selection and Estimation in Regression with Grouped Variables",
        "article", "2006", venue="Journal of the Royal Statistical Society B 68(1), 49–67",
        doi="10.1111/j.1467-9868.2005.00532.x",
    ),
    "zou-hastie-2005": Work(
        "Zou, Hui and Hastie, Trevor",
        "Regularization and Variable Selection via the Elastic Net",
        "article", "2005", venue="Journal of the Royal Statistical Society B 67(2), 301–320",
        doi="10.1111/j.1467-9868.2005.00503.x",
    ),
    # Layers: convolution, pooling, reductions, scans.
    "blelloch-1990": Work(
        "Blelloch, Guy E.",
        "Prefix Sums and Their Applications",
        "techreport", "1990", venue="CMU-CS-90-190, Carnegie Mellon University",
    ),
    "boureau-2010": Work(
        "Boureau, Y-Lan and Ponce, Jean and LeCun, Yann",
        "A Theoretical Analysis of Feature Pooling in Visual Recognition",
        "inproceedings", "2010", venue="ICML, 111–118",
    ),
    "chan-1983": Work(
        "Chan, Tony F. and Golub, Gene H. and LeVeque, Randall J.",
        "Algorithms for Computing the Sample Variance: Analysis and Recommendations",
        "article", "1983", venue="The American Statistician 37(3), 242–247",
        doi="10.1080/00031305.1983.10483115",
    ),
    "clarke-1990": Work(
        "Clarke, Frank H.",
        "Optimization and Nonsmooth Analysis",
        "book", "1990", venue="SIAM", doi="10.1137/1.9781611971309",
    ),
    "cuturi-2013": Work(
        "Cuturi, Marco",
        "Sinkhorn Distances: Lightspeed Computation of Optimal Transport",
        "inproceedings", "2013", venue="NeurIPS", url=_arxiv("1306.0895"),
    ),
    "dumoulin-2016": Work(
        "Dumoulin, Vincent and Visin, Francesco",
        "A Guide to Convolution Arithmetic for Deep Learning",
        "misc", "2016", url=_arxiv("1603.07285"),
    ),
    "graham-2014": Work(
        "Graham, Benjamin",
        "Fractional Max-Pooling",
        "misc", "2014", url=_arxiv("1412.6071"),
    ),
    "gu-dao-2023": Work(
        "Gu, Albert and Dao, Tri",
        "Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
        "misc", "2023", url=_arxiv("2312.00752"),
    ),
    "gulcehre-2014": Work(
        "Gulcehre, Caglar and Cho, Kyunghyun and Pascanu, Razvan and Bengio, Yoshua",
        "Learned-Norm Pooling for Deep Feedforward and Recurrent Neural Networks",
        "inproceedings", "2014", venue="ECML PKDD, 530–546", url=_arxiv("1311.1780"),
    ),
    "he-2014": Work(
        "He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian",
        "Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition",
        "inproceedings", "2014", venue="ECCV, 346–361", url=_arxiv("1406.4729"),
    ),
    "jaderberg-2015": Work(
        "Jaderberg, Max and Simonyan, Karen and Zisserman, Andrew and Kavukcuoglu, Koray",
        "Spatial Transformer Networks",
        "inproceedings", "2015", venue="NeurIPS", url=_arxiv("1506.02025"),
    ),
    "keys-1981": Work(
        "Keys, Robert G.",
        "Cubic Convolution Interpolation for Digital Image Processing",
        "article", "1981", venue="IEEE Transactions on Acoustics, Speech, and Signal Processing 29(6), 1153–1160",
        doi="10.1109/TASSP.1981.1163711",
    ),
    "tenenbaum-2000": Work(
        "Tenenbaum, Joshua B. and Freeman, William T.",
        "Separating Style and Content with Bilinear Models",
        "article", "2000", venue="Neural Computation 12(6), 1247–1283", doi="10.1162/089976600300015349",
    ),
    "lin-2013": Work(
        "Lin, Min and Chen, Qiang and Yan, Shuicheng",
        "Network in Network",
        "misc", "2013", url=_arxiv("1312.4400"),
    ),
    "martin-cundy-2018": Work(
        "Martin, Eric and Cundy, Chris",
        "Parallelizing Linear Recurrent Neural Nets over Sequence Length",
        "inproceedings", "2018", venue="ICLR", url=_arxiv("1709.04057"),
    ),
    "martins-2016": Work(
        "Martins, André F. T. and Astudillo, Ramón F.",
        "From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label Classification",
        "inproceedings", "2016", venue="ICML", url=_arxiv("1602.02068"),
    ),
    "mena-2018": Work(
        "Mena, Gonzalo and Belanger, David and Linderman, Scott and Snoek, Jasper",
        "Learning Latent Permutations with Gumbel-Sinkhorn Networks",
        "inproceedings", "2018", venue="ICLR", url=_arxiv("1802.08665"),
    ),
    "oord-2016": Work(
        "van den Oord, Aaron and Dieleman, Sander and Zen, Heiga and Simonyan, Karen and Vinyals, Oriol"
        " and Graves, Alex and Kalchbrenner, Nal and Senior, Andrew and Kavukcuoglu, Koray",
        "WaveNet: A Generative Model for Raw Audio",
        "misc", "2016", url=_arxiv("1609.03499"),
    ),
    "peters-2019": Work(
        "Peters, Ben and Niculae, Vlad and Martins, André F. T.",
        "Sparse Sequence-to-Sequence Models",
        "inproceedings", "2019", venue="ACL, 1504–1519", url=_arxiv("1905.05702"),
    ),
    "schlag-2021": Work(
        "Schlag, Imanol and Irie, Kazuki and Schmidhuber, Jürgen",
        "Linear Transformers Are Secretly Fast Weight Programmers",
        "inproceedings", "2021", venue="ICML", url=_arxiv("2102.11174"),
    ),
    "sinkhorn-1967": Work(
        "Sinkhorn, Richard and Knopp, Paul",
        "Concerning Nonnegative Matrices and Doubly Stochastic Matrices",
        "article", "1967", venue="Pacific Journal of Mathematics 21(2), 343–348",
        doi="10.2140/pjm.1967.21.343",
    ),
    "yang-2024": Work(
        "Yang, Songlin and Wang, Bailin and Zhang, Yu and Shen, Yikang and Kim, Yoon",
        "Parallelizing Linear Transformers with the Delta Rule over Sequence Length",
        "inproceedings", "2024", venue="NeurIPS", url=_arxiv("2406.06484"),
    ),
    "zeiler-2010": Work(
        "Zeiler, Matthew D. and Krishnan, Dilip and Taylor, Graham W. and Fergus, Rob",
        "Deconvolutional Networks",
        "inproceedings", "2010", venue="CVPR, 2528–2535", doi="10.1109/CVPR.2010.5539957",
    ),
    "zhu-2025": Work(
        "Zhu, Jiachen and Chen, Xinlei and He, Kaiming and LeCun, Yann and Liu, Zhuang",
        "Transformers without Normalization",
        "inproceedings", "2025", venue="CVPR", url=_arxiv("2503.10622"),
    ),
    # Optimizers.
    "chen-2023": Work(
        "Chen, Xiangning and Liang, Chen and Huang, Da and Real, Esteban and Wang, Kaiyuan and Pham, Hieu and "
        "Dong, Xuanyi and Luong, Thang and Hsieh, Cho-Jui and Lu, Yifeng and Le, Quoc V.",
        "Symbolic Discovery of Optimization Algorithms",
        "inproceedings", "2023", venue="Advances in Neural Information Processing Systems 36",
        url=_arxiv("2302.06675"),
    ),
    "dozat-2016": Work(
        "Dozat, Timothy",
        "Incorporating Nesterov Momentum into Adam",
        "inproceedings", "2016", venue="ICLR Workshop", url="https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ",
    ),
    "duchi-2011": Work(
        "Duchi, John and Hazan, Elad and Singer, Yoram",
        "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
        "article", "2011", venue="Journal of Machine Learning Research 12, 2121–2159",
        url="https://jmlr.org/papers/v12/duchi11a.html",
    ),
    "graves-2013": Work(
        "Graves, Alex",
        "Generating Sequences With Recurrent Neural Networks",
        "misc", "2013", url=_arxiv("1308.0850"),
    ),
    "kingma-ba-2015": Work(
        "Kingma, Diederik P. and Ba, Jimmy",
        "Adam: A Method for Stochastic Optimization",
        "inproceedings", "2015", venue="ICLR", url=_arxiv("1412.6980"),
    ),
    "liu-2020": Work(
        "Liu, Liyuan and Jiang, Haoming and He, Pengcheng and Chen, Weizhu and Liu, Xiaodong and Gao, "
        "Jianfeng and Han, Jiawei",
        "On the Variance of the Adaptive Learning Rate and Beyond",
        "inproceedings", "2020", venue="ICLR", url=_arxiv("1908.03265"),
    ),
    "loshchilov-2019": Work(
        "Loshchilov, Ilya and Hutter, Frank",
        "Decoupled Weight Decay Regularization",
        "inproceedings", "2019", venue="ICLR", url=_arxiv("1711.05101"),
    ),
    "nesterov-1983": Work(
        "Nesterov, Yurii E.",
        "A Method for Solving the Convex Programming Problem with Convergence Rate O(1/k²)",
        "article", "1983", venue="Doklady Akademii Nauk SSSR 269(3), 543–547",
    ),
    "pascanu-2013": Work(
        "Pascanu, Razvan and Mikolov, Tomas and Bengio, Yoshua",
        "On the Difficulty of Training Recurrent Neural Networks",
        "inproceedings", "2013", venue="ICML", url=_arxiv("1211.5063"),
    ),
    "polyak-1964": Work(
        "Polyak, Boris T.",
        "Some Methods of Speeding Up the Convergence of Iteration Methods",
        "article", "1964", venue="USSR Computational Mathematics and Mathematical Physics 4(5), 1–17",
        doi="10.1016/0041-5553(64)90137-5",
    ),
    "reddi-2018": Work(
        "Reddi, Sashank J. and Kale, Satyen and Kumar, Sanjiv",
        "On the Convergence of Adam and Beyond",
        "inproceedings", "2018", venue="ICLR", url=_arxiv("1904.09237"),
    ),
    "sutskever-2013": Work(
        "Sutskever, Ilya and Martens, James and Dahl, George and Hinton, Geoffrey",
        "On the Importance of Initialization and Momentum in Deep Learning",
        "inproceedings", "2013", venue="ICML, PMLR 28(3), 1139–1147",
    ),
    "tieleman-hinton-2012": Work(
        "Tieleman, Tijmen and Hinton, Geoffrey",
        "Lecture 6.5: RMSProp, Divide the Gradient by a Running Average of Its Recent Magnitude",
        "misc", "2012", venue="COURSERA: Neural Networks for Machine Learning",
    ),
    "zeiler-2012": Work(
        "Zeiler, Matthew D.",
        "ADADELTA: An Adaptive Learning Rate Method",
        "misc", "2012", url=_arxiv("1212.5701"),
    ),
    # Attention, embeddings, experts.
    "vaswani-2017": Work(
        "Vaswani, Ashish and Shazeer, Noam and Parmar, Niki and Uszkoreit, Jakob and Jones, Llion and Gomez, Aidan N. "
        "and Kaiser, Łukasz and Polosukhin, Illia",
        "Attention Is All You Need",
        "inproceedings", "2017", venue="NeurIPS", url=_arxiv("1706.03762"),
    ),
    "dao-2022": Work(
        "Dao, Tri and Fu, Daniel Y. and Ermon, Stefano and Rudra, Atri and Ré, Christopher",
        "FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness",
        "inproceedings", "2022", venue="NeurIPS", url=_arxiv("2205.14135"),
        note="appendix B read in a transcription, page by page, not in the paper itself",
    ),
    "ainslie-2023": Work(
        "Ainslie, Joshua and Lee-Thorp, James and de Jong, Michiel and Zemlyanskiy, Yury and Lebrón, Federico and "
        "Sanghai, Sumit",
        "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints",
        "inproceedings", "2023", venue="EMNLP", url=_arxiv("2305.13245"),
    ),
    "machler-2012": Work(
        "Mächler, Martin",
        "Accurately Computing log(1 - exp(-|a|)) Assessed by the Rmpfr Package",
        "misc", "2012", url="https://cran.r-project.org/web/packages/Rmpfr/vignettes/log1mexp-note.pdf",
    ),
    "jang-2017": Work(
        "Jang, Eric and Gu, Shixiang and Poole, Ben",
        "Categorical Reparameterization with Gumbel-Softmax",
        "inproceedings", "2017", venue="ICLR", url=_arxiv("1611.01144"),
    ),
    "maddison-2017": Work(
        "Maddison, Chris J. and Mnih, Andriy and Teh, Yee Whye",
        "The Concrete Distribution: A Continuous Relaxation of Discrete Random Variables",
        "inproceedings", "2017", venue="ICLR", url=_arxiv("1611.00712"),
    ),
    "lafferty-2001": Work(
        "Lafferty, John and McCallum, Andrew and Pereira, Fernando C. N.",
        "Conditional Random Fields: Probabilistic Models for Segmenting and Labeling Sequence Data",
        "inproceedings", "2001", venue="ICML", url="https://repository.upenn.edu/cis_papers/159/",
    ),
    "sutton-mccallum-2012": Work(
        "Sutton, Charles and McCallum, Andrew",
        "An Introduction to Conditional Random Fields",
        "article", "2012", venue="Foundations and Trends in Machine Learning 4(4), 267–373", url=_arxiv("1011.4088"),
    ),
    "graves-2012": Work(
        "Graves, Alex",
        "Sequence Transduction with Recurrent Neural Networks",
        "misc", "2012", url=_arxiv("1211.3711"),
    ),
    "sudre-2017": Work(
        "Sudre, Carole H. and Li, Wenqi and Vercauteren, Tom and Ourselin, Sébastien and Cardoso, M. Jorge",
        "Generalised Dice Overlap as a Deep Learning Loss Function for Highly Unbalanced Segmentations",
        "inproceedings", "2017", venue="DLMIA", url=_arxiv("1707.03237"),
    ),
    "grave-2017": Work(
        "Grave, Édouard and Joulin, Armand and Cissé, Moustapha and Grangier, David and Jégou, Hervé",
        "Efficient Softmax Approximation for GPUs",
        "inproceedings", "2017", venue="ICML", url=_arxiv("1609.04309"),
    ),
    "gu-2024": Work(
        "Gu, Yuxian and Dong, Li and Wei, Furu and Huang, Minlie",
        "MiniLLM: Knowledge Distillation of Large Language Models",
        "inproceedings", "2024", venue="ICLR", url=_arxiv("2306.08543"),
    ),
    "shao-2024": Work(
        "Shao, Zhihong and Wang, Peiyi and Zhu, Qihao and Xu, Runxin and Song, Junxiao and Bi, Xiao and Zhang, Haowei"
        " and Zhang, Mingchuan and Li, Y. K. and Wu, Y. and Guo, Daya",
        "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models",
        "misc", "2024", url=_arxiv("2402.03300"),
    ),
    "yu-2025": Work(
        "Yu, Qiying and Zhang, Zheng and Zhu, Ruofei and Yuan, Yufeng and Zuo, Xiaochen and Yue, Yu"
        " and Fan, Tiantian and Liu, Gaohong and Liu, Lingjun and Liu, Xin and Lin, Haibin and Lin, Zhiqi"
        " and Ma, Bole and Sheng, Guangming and Tong, Yuxuan and Zhang, Chi and Zhang, Mofan and Zhang, Wang"
        " and Zhu, Hang and Zhu, Jinhua and Chen, Jiaze and Chen, Jiangjie and Wang, Chengyi and Yu, Hongli"
        " and Dai, Weinan and Song, Yuxuan and Wei, Xiangpeng and Zhou, Hao and Liu, Jingjing and Ma, Wei-Ying"
        " and Zhang, Ya-Qin and Yan, Lin and Qiao, Mu and Wu, Yonghui and Wang, Mingxuan",
        "DAPO: An Open-Source LLM Reinforcement Learning System at Scale",
        "misc", "2025", url=_arxiv("2503.14476"),
    ),
    "liu-2025": Work(
        "Liu, Zichen and Chen, Changyu and Li, Wenjun and Qi, Penghui and Pang, Tianyu and Du, Chao and Lee, Wee Sun"
        " and Lin, Min",
        "Understanding R1-Zero-Like Training: A Critical Perspective",
        "misc", "2025", url=_arxiv("2503.20783"),
    ),
    "gemma-2-2024": Work(
        "{Gemma Team}",
        "Gemma 2: Improving Open Language Models at a Practical Size",
        "misc", "2024", url=_arxiv("2408.00118"),
    ),
    "xiao-2024": Work(
        "Xiao, Guangxuan and Tian, Yuandong and Chen, Beidi and Han, Song and Lewis, Mike",
        "Efficient Streaming Language Models with Attention Sinks",
        "inproceedings", "2024", venue="ICLR", url=_arxiv("2309.17453"),
    ),
    "bengio-2003": Work(
        "Bengio, Yoshua and Ducharme, Réjean and Vincent, Pascal and Jauvin, Christian",
        "A Neural Probabilistic Language Model",
        "article", "2003", venue="Journal of Machine Learning Research 3",
        url="https://www.jmlr.org/papers/v3/bengio03a.html",
    ),
    "su-2021": Work(
        "Su, Jianlin and Lu, Yu and Pan, Shengfeng and Murtadha, Ahmed and Wen, Bo and Liu, Yunfeng",
        "RoFormer: Enhanced Transformer with Rotary Position Embedding",
        "misc", "2021", url=_arxiv("2104.09864"),
    ),
    "hu-2022": Work(
        "Hu, Edward J. and Shen, Yelong and Wallis, Phillip and Allen-Zhu, Zeyuan and Li, Yuanzhi and Wang, Shean and "
        "Wang, Lu and Chen, Weizhu",
        "LoRA: Low-Rank Adaptation of Large Language Models",
        "inproceedings", "2022", venue="ICLR", url=_arxiv("2106.09685"),
    ),
    "shazeer-2017": Work(
        "Shazeer, Noam and Mirhoseini, Azalia and Maziarz, Krzysztof and Davis, Andy and Le, Quoc and Hinton, Geoffrey "
        "and Dean, Jeff",
        "Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer",
        "inproceedings", "2017", venue="ICLR", url=_arxiv("1701.06538"),
    ),
    "fedus-2022": Work(
        "Fedus, William and Zoph, Barret and Shazeer, Noam",
        "Switch Transformers: Scaling to Trillion Parameter Models with Simple and Efficient Sparsity",
        "article", "2022", venue="Journal of Machine Learning Research 23", url=_arxiv("2101.03961"),
    ),
    "polyak-juditsky-1992": Work(
        "Polyak, B. T. and Juditsky, A. B.", "Acceleration of Stochastic Approximation by Averaging",
        "article", "1992", venue="SIAM Journal on Control and Optimization 30(4)", doi="10.1137/0330046",
    ),
    "zhang-lucas-2019": Work(
        "Zhang, Michael R. and Lucas, James and Hinton, Geoffrey and Ba, Jimmy",
        "Lookahead Optimizer: k steps forward, 1 step back",
        "inproceedings", "2019", venue="NeurIPS", url=_arxiv("1907.08610"),
    ),
    "defazio-2024": Work(
        "Defazio, Aaron and Yang, Xingyu Alice and Mehta, Harsh and Mishchenko, Konstantin and Khaled, Ahmed and "
        "Cutkosky, Ashok",
        "The Road Less Scheduled",
        "inproceedings", "2024", venue="NeurIPS", url=_arxiv("2405.15682"),
    ),
    "mokhtari-2020": Work(
        "Mokhtari, Aryan and Ozdaglar, Asuman and Pattathil, Sarath",
        "A Unified Analysis of Extra-gradient and Optimistic Gradient Methods for Saddle Point Problems: Proximal "
        "Point Approach",
        "inproceedings", "2020", venue="AISTATS", url=_arxiv("1901.08511"),
    ),
    "daskalakis-2018": Work(
        "Daskalakis, Constantinos and Ilyas, Andrew and Syrgkanis, Vasilis and Zeng, Haoyang",
        "Training GANs with Optimism",
        "inproceedings", "2018", venue="ICLR", url=_arxiv("1711.00141"),
    ),
    "pagliardini-2024": Work(
        "Pagliardini, Matteo and Ablin, Pierre and Grangier, David", "The AdEMAMix Optimizer: Better, Faster, Older",
        "misc", "2024", url=_arxiv("2409.03137"),
    ),
    "morwani-2025": Work(
        "Morwani, Depen and Vyas, Nikhil and Zhang, Hanlin and Kakade, Sham",
        "Connections between Schedule-Free Optimizers, AdEMAMix, and Accelerated SGD Variants",
        "misc", "2025", url=_arxiv("2502.02431"),
    ),
    "taniguchi-2024": Work(
        "Taniguchi, Shohei and Harada, Keno and Minegishi, Gouki and Oshima, Yuta and Jeong, Seong Cheol and Nagahara, "
        "Go and Iiyama, Tomoshi and Suzuki, Masahiro and Iwasawa, Yusuke and Matsuo, Yutaka",
        "ADOPT: Modified Adam Can Converge with Any β₂ with the Optimal Rate",
        "inproceedings", "2024", venue="NeurIPS", url=_arxiv("2411.02853"),
    ),
    "zhuang-2021": Work(
        "Zhuang, Juntang and Ding, Yifan and Tang, Tommy and Dvornek, Nicha and Tatikonda, Sekhar and Duncan, James S.",
        "Momentum Centering and Asynchronous Update for Adaptive Gradient Methods",
        "inproceedings", "2021", venue="NeurIPS", url=_arxiv("2110.05454"),
    ),
    "liu-2024": Work(
        "Liu, Hong and Li, Zhiyuan and Hall, David and Liang, Percy and Ma, Tengyu",
        "Sophia: A Scalable Stochastic Second-order Optimizer for Language Model Pre-training",
        "inproceedings", "2024", venue="ICLR", url=_arxiv("2305.14342"),
    ),
    "defazio-jelassi-2022": Work(
        "Defazio, Aaron and Jelassi, Samy",
        "Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged Gradient Method for Stochastic "
        "Optimization",
        "article", "2022", venue="Journal of Machine Learning Research 23(144)", url=_arxiv("2101.11075"),
    ),
    "orabona-tommasi-2017": Work(
        "Orabona, Francesco and Tommasi, Tatiana",
        "Training Deep Networks without Learning Rates Through Coin Betting",
        "inproceedings", "2017", venue="NeurIPS", url=_arxiv("1705.07795"),
    ),
    "loizou-2021": Work(
        "Loizou, Nicolas and Vaswani, Sharan and Laradji, Issam Hadj and Lacoste-Julien, Simon",
        "Stochastic Polyak Step-size for SGD: An Adaptive Learning Rate for Fast Convergence",
        "inproceedings", "2021", venue="AISTATS", url=_arxiv("2002.10542"),
    ),
    "ivgi-2023": Work(
        "Ivgi, Maor and Hinder, Oliver and Carmon, Yair",
        "DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule",
        "inproceedings", "2023", venue="ICML", url=_arxiv("2302.12022"),
    ),
    "khaled-2023": Work(
        "Khaled, Ahmed and Mishchenko, Konstantin and Jin, Chi",
        "DoWG Unleashed: An Efficient Universal Parameter-Free Gradient Descent Method",
        "inproceedings", "2023", venue="NeurIPS", url=_arxiv("2305.16284"),
    ),
    "defazio-mishchenko-2023": Work(
        "Defazio, Aaron and Mishchenko, Konstantin", "Learning-Rate-Free Learning by D-Adaptation",
        "inproceedings", "2023", venue="ICML", url=_arxiv("2301.07733"),
    ),
    "mishchenko-defazio-2024": Work(
        "Mishchenko, Konstantin and Defazio, Aaron", "Prodigy: An Expeditiously Adaptive Parameter-Free Learner",
        "inproceedings", "2024", venue="ICML", url=_arxiv("2306.06101"),
    ),
    "schaipp-2024": Work(
        "Schaipp, Fabian and Ohana, Ruben and Eickenberg, Michael and Defazio, Aaron and Gower, Robert M.",
        "MoMo: Momentum Models for Adaptive Learning Rates",
        "inproceedings", "2024", venue="ICML", url=_arxiv("2305.07583"),
    ),
    "foret-2021": Work(
        "Foret, Pierre and Kleiner, Ariel and Mobahi, Hossein and Neyshabur, Behnam",
        "Sharpness-Aware Minimization for Efficiently Improving Generalization",
        "inproceedings", "2021", venue="ICLR", url=_arxiv("2010.01412"),
    ),
    "shazeer-stern-2018": Work(
        "Shazeer, Noam and Stern, Mitchell", "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost",
        "inproceedings", "2018", venue="ICML", url=_arxiv("1804.04235"),
    ),
    "anil-2019": Work(
        "Anil, Rohan and Gupta, Vineet and Koren, Tomer and Singer, Yoram", "Memory-Efficient Adaptive Optimization",
        "inproceedings", "2019", venue="NeurIPS", url=_arxiv("1901.11150"),
    ),
    "yong-2020": Work(
        "Yong, Hongwei and Huang, Jianqiang and Hua, Xiansheng and Zhang, Lei",
        "Gradient Centralization: A New Optimization Technique for Deep Neural Networks",
        "inproceedings", "2020", venue="ECCV", url=_arxiv("2004.01461"),
    ),
    "hazan-2015": Work(
        "Hazan, Elad and Levy, Kfir Y. and Shalev-Shwartz, Shai",
        "Beyond Convexity: Stochastic Quasi-Convex Optimization",
        "inproceedings", "2015", venue="NeurIPS", url=_arxiv("1507.02030"),
    ),
    "bjorck-1971": Work(
        "Björck, A. and Bowie, Clazett",
        "An Iterative Algorithm for Computing the Best Estimate of an Orthogonal Matrix",
        "article", "1971", venue="SIAM Journal on Numerical Analysis 8(2), 358–364", doi="10.1137/0708036",
    ),
    "jordan-2024": Work(
        "Jordan, Keller and Jin, Yuchen and Boza, Vlado and You, Jiacheng and Cesista, Franz and Newhouse, Laker and "
        "Bernstein, Jeremy", "Muon: An optimizer for hidden layers in neural networks",
        "misc", "2024", url="https://kellerjordan.github.io/posts/muon/",
    ),
    "moonshot-2025": Work(
        "Liu, Jingyuan and Su, Jianlin and Yao, Xingcheng and {others}", "Muon is Scalable for LLM Training",
        "misc", "2025", url=_arxiv("2502.16982"),
    ),
    "liu-nocedal-1989": Work(
        "Liu, Dong C. and Nocedal, Jorge", "On the limited memory BFGS method for large scale optimization",
        "article", "1989", venue="Mathematical Programming 45", doi="10.1007/BF01589116",
    ),
    "you-2017": Work(
        "You, Yang and Gitman, Igor and Ginsburg, Boris", "Large Batch Training of Convolutional Networks",
        "misc", "2017", url=_arxiv("1708.03888"),
    ),
    "you-2020": Work(
        "You, Yang and Li, Jing and Reddi, Sashank and Hseu, Jonathan and Kumar, Sanjiv and Bhojanapalli, Srinadh and "
        "Song, Xiaodan and Demmel, James and Keutzer, Kurt and Hsieh, Cho-Jui",
        "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes",
        "inproceedings", "2020", venue="ICLR", url=_arxiv("1904.00962"),
    ),
    "ginsburg-2019": Work(
        "Ginsburg, Boris and Castonguay, Patrice and Hrinchuk, Oleksii and Kuchaiev, Oleksii and Lavrukhin, Vitaly and "
        "Leary, Ryan and Li, Jason and Nguyen, Huyen and Zhang, Yang and Cohen, Jonathan M.",
        "Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep Networks",
        "misc", "2019", url=_arxiv("1905.11286"),
    ),
    "bernstein-2020": Work(
        "Bernstein, Jeremy and Vahdat, Arash and Yue, Yisong and Liu, Ming-Yu",
        "On the distance between two neural networks and the stability of learning",
        "inproceedings", "2020", venue="NeurIPS", url=_arxiv("2002.03432"),
    ),
    "brock-2021": Work(
        "Brock, Andrew and De, Soham and Smith, Samuel L. and Simonyan, Karen",
        "High-Performance Large-Scale Image Recognition Without Normalization",
        "inproceedings", "2021", venue="ICML", url=_arxiv("2102.06171"),
    ),
    "zoph-2022": Work(
        "Zoph, Barret and Bello, Irwan and Kumar, Sameer and Du, Nan and Huang, Yanping and Dean, Jeff and Shazeer, "
        "Noam and Fedus, William",
        "ST-MoE: Designing Stable and Transferable Sparse Expert Models",
        "misc", "2022", url=_arxiv("2202.08906"),
    ),
    "jiang-2024": Work(
        "Jiang, Albert Q. and Sablayrolles, Alexandre and Roux, Antoine and Mensch, Arthur and Savary, Blanche and "
        "Bamford, Chris and Chaplot, Devendra Singh and de las Casas, Diego and Bou Hanna, Emma and Bressand, Florian "
        "and Lengyel, Gianna and Bour, Guillaume and Lample, Guillaume and Lavaud, Lélio Renard and Saulnier, Lucile "
        "and Lachaux, Marie-Anne and Stock, Pierre and Subramanian, Sandeep and Yang, Sophia and Antoniak, Szymon and "
        "Le Scao, Teven and Gervet, Théophile and Lavril, Thibaut and Wang, Thomas and Lacroix, Timothée and El Sayed, "
        "William",
        "Mixtral of Experts",
        "misc", "2024", url=_arxiv("2401.04088"),
    ),
}
# fmt: on

DOCUMENTATION = {
    "pytorch": ("{PyTorch contributors}", "PyTorch documentation", "https://docs.pytorch.org/docs/stable/"),
    "jax": ("{JAX authors}", "JAX documentation", "https://docs.jax.dev/en/latest/"),
    "optax": ("{Optax authors}", "Optax documentation", "https://optax.readthedocs.io/en/latest/"),
    "flax": ("{Flax authors}", "Flax documentation", "https://flax.readthedocs.io/en/latest/"),
}


def work(key: str) -> Work:
    """The work behind `key`. A key such as `pytorch-mse-loss` is that entry of the framework's documentation.

    Raises KeyError naming the key where it is not in the bibliography.

    >>> work("pytorch-mse-loss").title
    'PyTorch documentation: mse loss'
    """
    if key in WORKS:
        return WORKS[key]
    framework, _, entry = key.partition("-")
    if framework in DOCUMENTATION and entry:
        body, title, url = DOCUMENTATION[framework]
        about = title if entry == "docs" else f"{title}: {entry.replace('-', ' ')}"
        return Work(body, about, "misc", "", url=url)
    raise KeyError(f"source {key!r} is not in literature/bibliography.py; add its entry there")
