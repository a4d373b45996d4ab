import random,time
from .problems import *
from .styles import *
from .bpe import train_tokenizer
r=random.Random(0)
for f in (training_problem,held_out_problem):
    for i in range(4):
        p=f(r);print(p.question);print(' ',write_answer(p,STYLES[i+1]))
        for s in STYLES: assert style_of(write_answer(p,s))==s,(s,write_answer(p,s)); 
t=time.time()
for i in range(5000): training_problem(r)
print((time.time()-t)/5000*1e6,'us/problem')
t=time.time();tk=train_tokenizer();print(time.time()-t)
print(tk.encode("<|im_start|>assistant\n\nStep 1: 12 * 3 = 36 apples. The answer is 36.<|im_end|>\n").tokens)
ps=[training_problem(r) for _ in range(2000)]
import statistics as st
print('q',st.mean(len(tk.encode(p.question).ids) for p in ps),max(len(tk.encode(p.question).ids) for p in ps))
for s in STYLES: print(s,st.mean(len(tk.encode(write_answer(p,s)).ids) for p in ps),max(len(tk.encode(write_answer(p,s)).ids) for p in ps))
h=held_out_problem(r);print(tk.encode(h.question).tokens)
